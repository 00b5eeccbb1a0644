//! What policies keep, and their versions.
//!
//! Apart because both must outlive the policy directory: a broken directory at the start does not
//! leave the book without its policies.

use std::sync::LazyLock;

use bracketd_core::ids::TransactionId;
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::{Table, int};
use crate::batch::{PolicyState, PolicyVersion};
use crate::error::StoreError;

pub(crate) static POLICY_STATES: Table = Table {
    name: "policy_states",
    key: &["transaction_id", "policy"],
    columns: &["transaction_id", "policy", "state", "digest"],
};

pub(crate) static POLICY_VERSIONS: Table = Table {
    name: "policy_versions",
    key: &["name", "digest"],
    columns: &["name", "digest", "source", "loaded_at", "active"],
};

static UPSERT_STATE: LazyLock<String> = LazyLock::new(|| POLICY_STATES.upsert());
static UPSERT_VERSION: LazyLock<String> = LazyLock::new(|| POLICY_VERSIONS.upsert());

pub(crate) fn write_state(sql: &Connection, state: &PolicyState) -> Result<(), StoreError> {
    sql.prepare_cached(&UPSERT_STATE)?.execute(params![
        int(state.transaction.0)?,
        state.policy.as_str(),
        state.state_json,
        state.digest,
    ])?;
    Ok(())
}

pub(crate) fn read_state(row: &Cells<'_>) -> Result<PolicyState, StoreError> {
    Ok(PolicyState {
        transaction: TransactionId(row.int("transaction_id")?),
        policy: row.name("policy")?,
        state_json: row.string("state")?,
        digest: row.string("digest")?,
    })
}

pub(crate) fn write_version(sql: &Connection, version: &PolicyVersion) -> Result<(), StoreError> {
    if version.active {
        sql.prepare_cached("UPDATE policy_versions SET active = 0 WHERE name = ? AND active = 1")?
            .execute([version.name.as_str()])?;
    }
    sql.prepare_cached(&UPSERT_VERSION)?.execute(params![
        version.name.as_str(),
        version.digest,
        version.source,
        version.loaded_at.0,
        version.active,
    ])?;
    Ok(())
}

pub(crate) fn read_version(row: &Cells<'_>) -> Result<PolicyVersion, StoreError> {
    Ok(PolicyVersion {
        name: row.name("name")?,
        digest: row.string("digest")?,
        source: row.string("source")?,
        loaded_at: row.time("loaded_at")?,
        active: row.flag("active")?,
    })
}
