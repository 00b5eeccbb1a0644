//! Facts, one row each.
//!
//! Apart because a fact is evidence: it is inserted once and never touched again.

use std::borrow::Cow;
use std::sync::LazyLock;

use bracketd_core::fact::Fact;
use bracketd_core::ids::{SliceNo, TransactionId};
use bracketd_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::words::Word;
use super::{Table, decimal, int, opt_int, source};
use crate::error::StoreError;
use crate::facts::StoredFact;

pub(crate) static FACTS: Table = Table {
    name: "facts",
    key: &["seq"],
    columns: &[
        "seq",
        "committed_at",
        "at",
        "kind",
        "source",
        "source_name",
        "source_digest",
        "account",
        "transaction_id",
        "symbol",
        "slice",
        "op",
        "code",
        "before",
        "after",
        "quantity",
        "span_ms",
        "text",
        "inputs",
    ],
};

const SOURCE: [&str; 3] = ["source", "source_name", "source_digest"];

static INSERT: LazyLock<String> = LazyLock::new(|| FACTS.insert());

pub(crate) fn write(
    sql: &Connection,
    seq: u64,
    committed_at: Timestamp,
    fact: &Fact,
) -> Result<(), StoreError> {
    let (asked_by, name, digest) = source::cells(&fact.source);
    sql.prepare_cached(&INSERT)?.execute(params![
        int(seq)?,
        committed_at.0,
        fact.at.0,
        fact.kind.word(),
        asked_by,
        name,
        digest,
        fact.account.as_ref().map(|account| account.as_str()),
        opt_int(fact.transaction.map(|transaction| transaction.0))?,
        fact.symbol.as_ref().map(|symbol| symbol.as_str()),
        fact.slice.map(|slice| slice.0),
        fact.op.as_ref().map(|op| op.as_str()),
        fact.code,
        decimal(fact.before),
        decimal(fact.after),
        decimal(fact.quantity),
        opt_int(fact.span_ms)?,
        fact.text,
        fact.inputs,
    ])?;
    Ok(())
}

pub(crate) fn read(row: &Cells<'_>) -> Result<StoredFact, StoreError> {
    let fact = Fact {
        at: row.time("at")?,
        kind: row.word("kind")?,
        source: source::read(row, SOURCE)?,
        account: row.opt_name("account")?,
        transaction: row.opt_int("transaction_id")?.map(TransactionId),
        symbol: row.opt_name("symbol")?,
        slice: row.opt_int("slice")?.map(SliceNo),
        op: row.opt_name("op")?,
        code: Cow::Owned(row.string("code")?),
        before: row.opt_decimal("before")?,
        after: row.opt_decimal("after")?,
        quantity: row.opt_decimal("quantity")?,
        span_ms: row.opt_int("span_ms")?,
        text: row.string("text")?,
        inputs: row.string("inputs")?,
    };
    Ok(StoredFact { seq: row.int("seq")?, committed_at: row.time("committed_at")?, fact })
}
