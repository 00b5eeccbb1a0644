//! Orders of a transaction as the broker told them.
//!
//! Apart because theirs is the longest list: a trailed stop leaves one behind at every move, so
//! only those that changed are written.

use std::sync::LazyLock;

use bracketd_core::ids::SliceNo;
use bracketd_core::order::Order;
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::words::Word;
use super::{Table, int, price};
use crate::error::StoreError;

pub(crate) static ORDERS: Table = Table {
    name: "orders",
    key: &["transaction_id", "place"],
    columns: &[
        "transaction_id",
        "place",
        "broker_id",
        "client_id",
        "linked_group",
        "slice",
        "role",
        "side",
        "kind",
        "quantity",
        "filled",
        "avg_price",
        "limit_price",
        "trigger_price",
        "status",
        "updated_at",
        "stuck",
    ],
};

static UPSERT: LazyLock<String> = LazyLock::new(|| ORDERS.upsert());

pub(crate) fn write(
    sql: &Connection,
    transaction: i64,
    place: usize,
    order: &Order,
) -> Result<(), StoreError> {
    sql.prepare_cached(&UPSERT)?.execute(params![
        transaction,
        int(place as u64)?,
        order.broker_id.as_str(),
        order.client_id.as_ref().map(|id| id.as_str()),
        order.group,
        order.slice.0,
        order.role.word(),
        order.side.word(),
        order.kind.word(),
        order.quantity.get().to_string(),
        order.filled.get().to_string(),
        price(order.avg_price),
        price(order.limit),
        price(order.trigger),
        order.status.word(),
        order.updated_at.0,
        order.stuck,
    ])?;
    Ok(())
}

pub(crate) fn read(row: &Cells<'_>) -> Result<Order, StoreError> {
    Ok(Order {
        broker_id: row.name("broker_id")?,
        client_id: row.opt_name("client_id")?,
        group: row.opt_name("linked_group")?,
        slice: SliceNo(row.int("slice")?),
        role: row.word("role")?,
        side: row.word("side")?,
        kind: row.word("kind")?,
        quantity: row.quantity("quantity")?,
        filled: row.quantity("filled")?,
        avg_price: row.opt_price("avg_price")?,
        limit: row.opt_price("limit_price")?,
        trigger: row.opt_price("trigger_price")?,
        status: row.word("status")?,
        updated_at: row.time("updated_at")?,
        stuck: row.flag("stuck")?,
    })
}
