//! What people do about single policies over the API.
//!
//! Apart from the writes about a transaction because a policy has no broker: nothing is sent, and
//! the answer comes with the commit.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use bracketd_core::ids::{PolicyName, TransactionId};
use bracketd_core::intent::Outcome;
use bracketd_engine::Thaw;
use serde_json::json;

use super::App;
use super::body::{self, ThawBody};
use super::problem::{Answer, Problem};
use super::write::actor;

/// `POST /api/v1/policies/{name}/thaw`: it is asked again, about one transaction or about all.
pub(super) async fn thaw(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: ThawBody = body::parse_or_default(&bytes)?;
    let thaw = Thaw {
        policy: PolicyName::new(&name),
        transaction: body.transaction.map(TransactionId),
        by: actor(&headers)?,
        why: body::why(body.why)?,
    };
    let verdict = app.engine.thaw(thaw).await?;
    if let Outcome::Refused(refusal) = verdict.outcome {
        return Err(Problem::refused(refusal, &verdict));
    }
    Ok(Json(json!({ "code": verdict.code(), "message": verdict.message })).into_response())
}
