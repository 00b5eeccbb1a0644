//! The reads of the API: state of the daemon, transactions, portfolio, prices, policies.
//!
//! Apart from the writes because nothing here can change anything.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use bracketd_core::ids::TransactionId;
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::ask::mismatch;
use super::problem::{Answer, Problem};
use crate::message::{Query, Reply};
use crate::view::{self, words};

/// `GET /livez`: this thread answers, and so does the engine thread.
pub(super) async fn livez(State(app): State<App>) -> Answer {
    app.engine.query(Query::Status).await?;
    Ok(Json(json!({ "live": true })).into_response())
}

/// `GET /readyz`: accounts are read and compared, the ledger can be written.
pub(super) async fn readyz(State(app): State<App>) -> Answer {
    match app.engine.query(Query::Status).await? {
        Reply::Status(status) if status.not_ready.is_empty() => {
            Ok(Json(json!({ "ready": true, "alerts": status.alerts })).into_response())
        }
        Reply::Status(status) => {
            let why = status.not_ready.join("; ");
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", why).retryable())
        }
        other => Err(mismatch(&other)),
    }
}

/// `GET /api/v1/status`.
pub(super) async fn status(State(app): State<App>) -> Answer {
    match app.engine.query(Query::Status).await? {
        Reply::Status(status) => Ok(Json(view::status::view(&status)).into_response()),
        other => Err(mismatch(&other)),
    }
}

/// Parameters of the list of transactions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParameters {
    status: Option<String>,
}

/// `GET /api/v1/transactions?status=`.
pub(super) async fn transactions(
    State(app): State<App>,
    parameters: Result<Parameters<ListParameters>, QueryRejection>,
) -> Answer {
    let status = match query(parameters)?.status.as_deref() {
        None => None,
        Some(word) => Some(words::parse_status(word).ok_or_else(|| {
            let all: Vec<_> = words::STATUSES.iter().map(|status| status.as_str()).collect();
            let detail = format!("there is no status {word}; there are {}", all.join(", "));
            Problem::bad_value("status", detail)
        })?),
    };
    match app.engine.query(Query::Transactions(status)).await? {
        Reply::Transactions(all) => {
            let all: Vec<_> = all.iter().map(view::transaction::brief).collect();
            Ok(Json(json!({ "transactions": all })).into_response())
        }
        other => Err(mismatch(&other)),
    }
}

/// `GET /api/v1/transactions/{id}`.
pub(super) async fn transaction(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let id = parse_id(&id)?;
    match app.engine.transaction(id).await? {
        Some(seen) => Ok(Json(view::transaction::full(&seen)).into_response()),
        None => Err(no_transaction(id)),
    }
}

/// `GET /api/v1/portfolio`.
pub(super) async fn portfolio(State(app): State<App>) -> Answer {
    match app.engine.query(Query::Portfolio).await? {
        Reply::Portfolio(all) => {
            Ok(Json(json!({ "accounts": view::portfolio(&all) })).into_response())
        }
        other => Err(mismatch(&other)),
    }
}

/// `GET /api/v1/prices`.
pub(super) async fn prices(State(app): State<App>) -> Answer {
    match app.engine.query(Query::Prices).await? {
        Reply::Prices(all) => Ok(Json(json!({ "prices": view::prices(&all) })).into_response()),
        other => Err(mismatch(&other)),
    }
}

/// `GET /api/v1/trade-summary`.
pub(super) async fn trade_summary(State(app): State<App>) -> Answer {
    match app.engine.query(Query::TradeSummary).await? {
        Reply::TradeSummary(all) => {
            Ok(Json(json!({ "summary": view::summary(&all) })).into_response())
        }
        other => Err(mismatch(&other)),
    }
}

/// `GET /api/v1/guards`.
pub(super) async fn guards(State(app): State<App>) -> Answer {
    match app.engine.query(Query::Guards).await? {
        Reply::Guards(all) => Ok(Json(json!({ "accounts": view::guards(&all) })).into_response()),
        other => Err(mismatch(&other)),
    }
}

/// `GET /api/v1/policies`.
pub(super) async fn policies(State(app): State<App>) -> Answer {
    match app.engine.query(Query::Policies).await? {
        Reply::Policies(all, unreadable) => {
            let body = json!({ "policies": view::policies(&all), "unreadable": unreadable });
            Ok(Json(body).into_response())
        }
        other => Err(mismatch(&other)),
    }
}

/// The parameters, or what is wrong with them.
pub(super) fn query<T>(parameters: Result<Parameters<T>, QueryRejection>) -> Result<T, Problem> {
    parameters.map(|Parameters(value)| value).map_err(|rejection| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_QUERY", rejection.body_text())
            .hint("misspelt parameters are refused, not ignored")
    })
}

/// A transaction's number in a path.
pub(super) fn parse_id(text: &str) -> Result<TransactionId, Problem> {
    text.parse().map(TransactionId).map_err(|_| {
        let detail = format!("\"{text}\" is not a transaction's number");
        Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_TRANSACTION", detail)
            .hint("`bracketd tx list` lists the transactions")
    })
}

/// There is none of that number.
pub(super) fn no_transaction(id: TransactionId) -> Problem {
    let detail = format!("there is no transaction {id}");
    Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_TRANSACTION", detail)
        .hint("`bracketd tx list` lists the transactions")
}
