//! Facts and activity, read from the files by the API's own read-only connections.
//!
//! Apart because these reads never pass the engine thread: however long somebody looks at the past,
//! trading does not wait.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path as PathPart, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use bracketd_core::ids::{PolicyName, TransactionId};
use bracketd_store::activity::{ActivityFilter, ActivityReader, ActivityRow};
use bracketd_store::{FactFilter, LedgerReader, PolicyVersion, StoreError, StoredFact};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::problem::{Answer, Problem};
use super::read::{no_transaction, parse_id, query};
use crate::view::records as view;

/// Rows of one answer when nothing is said.
const LIMIT: u32 = 100;
/// Most rows of one answer.
const LIMIT_MAX: u32 = 1_000;

/// The way to the files. Connections are opened at the first use and again after an error.
#[derive(Clone, Debug)]
pub(super) struct Records {
    dir: PathBuf,
    ledger: Arc<Mutex<Option<LedgerReader>>>,
    activity: Arc<Mutex<Option<ActivityReader>>>,
}

/// Which rows are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageParameters {
    after: Option<u64>,
    limit: Option<u32>,
    transaction: Option<u64>,
}

/// `GET /api/v1/transactions/{id}/facts?after=&limit=`: oldest first.
pub(super) async fn facts(
    State(app): State<App>,
    PathPart(id): PathPart<String>,
    parameters: Result<Query<PageParameters>, QueryRejection>,
) -> Answer {
    let (id, page) = (parse_id(&id)?, query(parameters)?);
    let filter = FactFilter {
        transaction: Some(id),
        after_seq: page.after.unwrap_or(0),
        limit: limit(&page, LIMIT_MAX)?,
        ..FactFilter::default()
    };
    let facts = app.records.facts(filter).await?;
    if facts.is_empty() && page.after.is_none() {
        return Err(no_transaction(id));
    }
    let next = facts.last().map_or(page.after.unwrap_or(0), |fact| fact.seq);
    let facts: Vec<_> = facts.iter().map(view::fact).collect();
    Ok(Json(json!({ "facts": facts, "next": next.to_string() })).into_response())
}

/// `GET /api/v1/activity?after=&limit=&transaction=`: what follows `after`, or the newest; in
/// either case oldest first.
pub(super) async fn activity(
    State(app): State<App>,
    parameters: Result<Query<PageParameters>, QueryRejection>,
) -> Answer {
    let page = query(parameters)?;
    let limit = limit(&page, LIMIT)?;
    let transaction = page.transaction.map(TransactionId);
    let rows = app.records.activity(page.after, limit, transaction).await?;
    let next = rows.last().map_or(page.after.unwrap_or(0), |row| row.id);
    let rows: Vec<_> = rows.iter().map(view::activity).collect();
    Ok(Json(json!({ "rows": rows, "next": next.to_string() })).into_response())
}

impl Records {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), ledger: Arc::default(), activity: Arc::default() }
    }

    async fn facts(&self, filter: FactFilter) -> Result<Vec<StoredFact>, Problem> {
        let (slot, dir) = (Arc::clone(&self.ledger), self.dir.clone());
        blocking(move || with(&slot, || LedgerReader::open(&dir), |reader| reader.facts(&filter)))
            .await
    }

    /// Versions of a policy whose content hash begins so, the newest first.
    pub(super) async fn policy_versions(
        &self,
        policy: PolicyName,
        digest_begins: String,
        limit: u32,
    ) -> Result<Vec<PolicyVersion>, Problem> {
        let (slot, dir) = (Arc::clone(&self.ledger), self.dir.clone());
        let read =
            move |reader: &LedgerReader| reader.policy_versions(&policy, &digest_begins, limit);
        blocking(move || with(&slot, || LedgerReader::open(&dir), read)).await
    }

    async fn activity(
        &self,
        after: Option<u64>,
        limit: u32,
        transaction: Option<TransactionId>,
    ) -> Result<Vec<ActivityRow>, Problem> {
        let (slot, dir) = (Arc::clone(&self.activity), self.dir.clone());
        let filter = ActivityFilter { transaction, ..ActivityFilter::default() };
        blocking(move || {
            with(
                &slot,
                || ActivityReader::open(&dir),
                |reader| match after {
                    Some(after) => reader.tail(after, limit, &filter),
                    None => reader.last(limit, &filter),
                },
            )
        })
        .await
    }
}

/// Reads with the connection of the slot; one that failed is not used again.
fn with<R, T>(
    slot: &Mutex<Option<R>>,
    open: impl FnOnce() -> Result<R, StoreError>,
    read: impl FnOnce(&R) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    let reader = match slot.take() {
        Some(reader) => reader,
        None => open()?,
    };
    let rows = read(&reader)?;
    *slot = Some(reader);
    Ok(rows)
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let failed = |why: String| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_READ", why)
            .hint("trading goes on; check the data directory and its disk")
            .retryable()
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn limit(page: &PageParameters, default: u32) -> Result<u32, Problem> {
    match page.limit {
        None => Ok(default),
        Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(limit) => {
            let detail = format!("{limit} is not between 1 and {LIMIT_MAX}");
            Err(Problem::bad_value("limit", detail))
        }
    }
}
