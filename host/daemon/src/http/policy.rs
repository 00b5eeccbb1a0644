//! What people do about single policies over the API.
//!
//! Apart from the writes about a transaction because a policy has no broker: nothing is sent, and
//! the answer comes with the commit.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use bracketd_core::ids::{PolicyName, TransactionId};
use bracketd_core::intent::Outcome;
use bracketd_core::refusal::Refusal;
use bracketd_engine::Thaw;
use bracketd_store::PolicyVersion;
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::ask::mismatch;
use super::body::{self, ThawBody};
use super::problem::{Answer, Problem};
use super::write::actor;
use crate::message::Reply;
use crate::view;

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
    match verdict.outcome {
        // The path names it, so it is not there, whatever else its code stands for.
        Outcome::Refused(Refusal::UnknownPolicy) => return Err(no_policy(verdict.message)),
        Outcome::Refused(refusal) => return Err(Problem::refused(refusal, &verdict)),
        _ => {}
    }
    Ok(Json(json!({ "code": verdict.code(), "message": verdict.message })).into_response())
}

/// Which transaction values are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParamsQuery {
    transaction: Option<u64>,
}

/// `GET /api/v1/policies/{name}/params`: the values that it decides with, and where they come from.
pub(super) async fn params(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<ParamsQuery>,
) -> Answer {
    let asked = crate::message::Query::PolicyParams {
        policy: PolicyName::new(&name),
        transaction: query.transaction.map(TransactionId),
    };
    match app.engine.query(asked).await? {
        Reply::PolicyParams(Some(seen)) => Ok(Json(view::policy_params(&seen)).into_response()),
        Reply::PolicyParams(None) => {
            let detail = match query.transaction {
                Some(id) => format!("there is no policy {name}, or it does not look after {id}"),
                None => format!("there is no policy {name}"),
            };
            Err(no_policy(detail))
        }
        other => Err(mismatch(&other)),
    }
}

/// Versions that are named where one is asked for that is not there.
const NAMED_MAX: u32 = 8;

/// `GET /api/v1/policies/{name}/versions/{digest}`: the text of a version that was taken once, by
/// the beginning of its content hash.
pub(super) async fn version(
    State(app): State<App>,
    Path((name, digest)): Path<(String, String)>,
) -> Answer {
    let policy = PolicyName::new(&name);
    let found = app.records.policy_versions(policy.clone(), digest.clone(), NAMED_MAX).await?;
    if let [version] = found.as_slice() {
        return match view::policy_version(version) {
            Some(version) => Ok(Json(version).into_response()),
            None => Err(no_version(format!("{name}@{digest} cannot be read"), &[])),
        };
    }
    if found.is_empty() {
        let all = app.records.policy_versions(policy, String::new(), NAMED_MAX).await?;
        return Err(no_version(format!("the ledger has no version {digest} of {name}"), &all));
    }
    Err(no_version(format!("several versions of {name} begin with {digest}"), &found))
}

fn no_version(detail: String, others: &[PolicyVersion]) -> Problem {
    let names: Vec<&str> = others.iter().filter_map(|v| v.digest.get(..12)).collect();
    let hint = match names.is_empty() {
        true => "`bracketd policy list` lists the policies".to_owned(),
        false => format!("the newest are, newest first: {}", names.join(", ")),
    };
    Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_VERSION", detail).hint(hint)
}

fn no_policy(detail: String) -> Problem {
    let problem = Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_POLICY", detail);
    problem.hint("`bracketd policy list` lists the policies")
}
