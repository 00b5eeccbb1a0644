//! What policies keep, and their versions.
//!
//! Apart because both must outlive the policy directory: a broken directory at the start does not
//! leave the book without its policies.

use std::sync::LazyLock;

use bracketd_core::ids::TransactionId;
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::instrument::ensure_account;
use super::{Table, int};
use crate::batch::{AccountState, PolicyFreeze, PolicyParams, PolicyState, PolicyVersion};
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

pub(crate) static POLICY_FREEZES: Table = Table {
    name: "policy_freezes",
    key: &["policy", "digest", "transaction_id"],
    columns: &["policy", "digest", "transaction_id", "why", "since", "back_to", "acted"],
};

pub(crate) static ACCOUNT_STATES: Table = Table {
    name: "account_policy_states",
    key: &["account", "policy"],
    columns: &["account", "policy", "state", "digest"],
};

pub(crate) static POLICY_PARAMS: Table = Table {
    name: "policy_params",
    key: &["one"],
    columns: &["one", "source", "digest", "loaded_at"],
};

static UPSERT_STATE: LazyLock<String> = LazyLock::new(|| POLICY_STATES.upsert());
static UPSERT_VERSION: LazyLock<String> = LazyLock::new(|| POLICY_VERSIONS.upsert());
static INSERT_FREEZE: LazyLock<String> = LazyLock::new(|| POLICY_FREEZES.insert());
static UPSERT_ACCOUNT_STATE: LazyLock<String> = LazyLock::new(|| ACCOUNT_STATES.upsert());
static UPSERT_PARAMS: LazyLock<String> = LazyLock::new(|| POLICY_PARAMS.upsert());

/// A freeze of the whole version stands under this number; no transaction has it.
const ALL: u64 = 0;

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

/// Everything that is frozen now; what is not among it goes.
pub(crate) fn write_freezes(sql: &Connection, freezes: &[PolicyFreeze]) -> Result<(), StoreError> {
    sql.prepare_cached("DELETE FROM policy_freezes")?.execute([])?;
    let mut insert = sql.prepare_cached(&INSERT_FREEZE)?;
    for freeze in freezes {
        insert.execute(params![
            freeze.policy.as_str(),
            freeze.digest,
            int(freeze.transaction.map_or(ALL, |id| id.0))?,
            freeze.why,
            freeze.since.0,
            freeze.back_to,
            freeze.acted,
        ])?;
    }
    Ok(())
}

pub(crate) fn read_freeze(row: &Cells<'_>) -> Result<PolicyFreeze, StoreError> {
    let transaction: u64 = row.int("transaction_id")?;
    Ok(PolicyFreeze {
        policy: row.name("policy")?,
        digest: row.string("digest")?,
        transaction: (transaction != ALL).then_some(TransactionId(transaction)),
        why: row.string("why")?,
        since: row.time("since")?,
        back_to: row.opt_str("back_to")?.map(str::to_owned),
        acted: row.flag("acted")?,
    })
}

pub(crate) fn write_account_state(
    sql: &Connection,
    state: &AccountState,
) -> Result<(), StoreError> {
    ensure_account(sql, &state.account)?;
    sql.prepare_cached(&UPSERT_ACCOUNT_STATE)?.execute(params![
        state.account.as_str(),
        state.policy.as_str(),
        state.state_json,
        state.digest,
    ])?;
    Ok(())
}

pub(crate) fn read_account_state(row: &Cells<'_>) -> Result<AccountState, StoreError> {
    Ok(AccountState {
        account: row.name("account")?,
        policy: row.name("policy")?,
        state_json: row.string("state")?,
        digest: row.string("digest")?,
    })
}

pub(crate) fn write_params(sql: &Connection, taken: &PolicyParams) -> Result<(), StoreError> {
    sql.prepare_cached(&UPSERT_PARAMS)?.execute(params![
        1,
        taken.source,
        taken.digest,
        taken.loaded_at.0,
    ])?;
    Ok(())
}

pub(crate) fn read_params(row: &Cells<'_>) -> Result<PolicyParams, StoreError> {
    Ok(PolicyParams {
        source: row.string("source")?,
        digest: row.string("digest")?,
        loaded_at: row.time("loaded_at")?,
    })
}
