//! JSON shapes of facts and activity: one form for both, so that one reader can show either.
//!
//! Apart because they come from the files, not from the engine thread.

use bracketd_core::intent::Source;
use bracketd_store::StoredFact;
use bracketd_store::activity::ActivityRow;
use serde::Serialize;
use serde_json::Value;

use super::decimal;
use crate::clock::rfc3339;

/// One thing that happened.
#[derive(Debug, Serialize)]
pub struct RecordView {
    /// Place in its file; what `after` compares.
    seq: String,
    at: String,
    kind: String,
    /// The ledger's proof of an activity row.
    #[serde(skip_serializing_if = "Option::is_none")]
    fact: Option<String>,
    /// How many records are missing here.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<u64>,
    source: String,
    /// Which version of the policy, where one is the source: its content hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    account: Option<String>,
    transaction: Option<String>,
    symbol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slice: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<String>,
    code: String,
    before: Option<String>,
    after: Option<String>,
    quantity: Option<String>,
    span_ms: Option<u64>,
    text: String,
    /// What a policy decided on.
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<Value>,
}

/// A fact of the ledger.
pub fn fact(stored: &StoredFact) -> RecordView {
    let fact = &stored.fact;
    RecordView {
        seq: stored.seq.to_string(),
        at: rfc3339(fact.at),
        kind: fact.kind.as_str().to_owned(),
        fact: None,
        lost: None,
        source: fact.source.label(),
        digest: match &fact.source {
            Source::Policy { digest, .. } => Some(digest.clone()),
            Source::Manual(_) | Source::Broker | Source::Recovery | Source::Host => None,
        },
        account: fact.account.as_ref().map(ToString::to_string),
        transaction: fact.transaction.map(|id| id.to_string()),
        symbol: fact.symbol.as_ref().map(ToString::to_string),
        slice: fact.slice.map(|slice| slice.0),
        op: fact.op.as_ref().map(ToString::to_string),
        code: fact.code.to_string(),
        before: fact.before.map(decimal),
        after: fact.after.map(decimal),
        quantity: fact.quantity.map(decimal),
        span_ms: fact.span_ms,
        text: fact.text.clone(),
        inputs: inputs(&fact.inputs),
    }
}

/// A row of the activity log.
pub fn activity(row: &ActivityRow) -> RecordView {
    RecordView {
        seq: row.id.to_string(),
        at: rfc3339(row.at),
        kind: row.kind.as_str().to_owned(),
        fact: row.fact_seq.map(|seq| seq.to_string()),
        lost: row.lost,
        source: row.source.clone(),
        digest: None,
        account: row.account.as_ref().map(ToString::to_string),
        transaction: row.transaction.map(|id| id.to_string()),
        symbol: row.symbol.as_ref().map(ToString::to_string),
        slice: None,
        op: None,
        code: row.code.clone(),
        before: row.before.map(decimal),
        after: row.after.map(decimal),
        quantity: row.quantity.map(decimal),
        span_ms: row.span_ms.map(u64::from),
        text: row.text.clone(),
        inputs: None,
    }
}

/// Inputs as they were stored: JSON, or the text itself where it is none.
pub(super) fn inputs(text: &str) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    Some(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
}
