//! Whether ledger and exchange tell the same story at the end of a tape run.
//!
//! Apart because it asks the exchange directly, not through the plugin: a plugin that misreads
//! would otherwise agree with itself.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, bail};
use bracketd_core::Decimal;
use bracketd_core::order::{Direction, Order, OrderStatus};
use crossbeam_channel::{Sender, bounded};
use serde_json::Value;

use super::exchange::ExchangeProcess;
use super::{LONGS, SHORTS};
use crate::message::{Query, Reply, Seen, ToEngine};

/// What was compared and where it differs.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    transactions: usize,
    orders: usize,
    positions: usize,
    /// One sentence for each difference.
    pub(super) differences: Vec<String>,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            writeln!(f, "  differs: {difference}")?;
        }
        let Self { transactions, orders, positions, .. } = self;
        let word = if self.differences.is_empty() { "agree" } else { "do not agree" };
        write!(
            f,
            "ledger and exchange {word}: {transactions} transactions, {orders} orders, \
             {positions} positions compared"
        )
    }
}

pub(super) fn check(
    engine: &Sender<ToEngine>,
    exchange: &ExchangeProcess,
) -> anyhow::Result<Agreement> {
    let (reply, answer) = bounded(1);
    engine.send(ToEngine::Query { query: Query::Transactions(None), reply })?;
    let Reply::Transactions(all) = answer.recv_timeout(Duration::from_secs(10))? else {
        bail!("the engine answered another question");
    };
    let mut agreement = Agreement { transactions: all.len(), ..Agreement::default() };
    for account in [LONGS, SHORTS] {
        let ours: Vec<&Seen> =
            all.iter().filter(|s| s.transaction.account.as_str() == account).collect();
        agreement.compare_orders(&ours, &exchange.orders(account)?);
        agreement.compare_positions(account, &ours, &exchange.positions(account)?)?;
    }
    Ok(agreement)
}

impl Agreement {
    fn compare_orders(&mut self, ours: &[&Seen], theirs: &[Value]) {
        let mut known: BTreeMap<&str, &Order> = ours
            .iter()
            .flat_map(|seen| &seen.transaction.orders)
            .map(|order| (order.broker_id.as_str(), order))
            .collect();
        for their in theirs {
            self.orders += 1;
            let id = their["id"].as_str().unwrap_or("");
            let status = their["status"].as_str().unwrap_or("");
            let filled = their["filled_qty"].as_str().unwrap_or("0");
            let Some(our) = known.remove(id) else {
                self.differences.push(format!("order {id} ({status}) is not in the ledger"));
                continue;
            };
            let filled: Decimal = filled.parse().unwrap_or_default();
            if !same(our.status, status) || our.filled.get() != filled {
                self.differences.push(format!(
                    "order {id} is {status}, {filled} filled; the ledger says {}, {}",
                    our.status.as_str(),
                    our.filled
                ));
            }
        }
        for id in known.keys() {
            self.differences.push(format!("order {id} of the ledger is not at the exchange"));
        }
    }

    fn compare_positions(
        &mut self,
        account: &str,
        ours: &[&Seen],
        theirs: &[Value],
    ) -> anyhow::Result<()> {
        let mut held: BTreeMap<&str, Decimal> = BTreeMap::new();
        for seen in ours {
            let tx = &seen.transaction;
            let sign = match tx.direction {
                Direction::Long => Decimal::ONE,
                Direction::Short => Decimal::NEGATIVE_ONE,
            };
            *held.entry(tx.symbol.as_str()).or_default() += tx.held().get() * sign;
        }
        for their in theirs {
            let symbol = their["symbol"].as_str().unwrap_or("");
            let quantity: Decimal = their["qty"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .context("a position without a quantity")?;
            *held.entry(symbol).or_default() -= quantity;
        }
        for (symbol, difference) in held {
            self.positions += 1;
            if !difference.is_zero() {
                self.differences.push(format!(
                    "{account} holds {symbol}: ledger minus exchange is {difference}"
                ));
            }
        }
        Ok(())
    }
}

fn same(ours: OrderStatus, theirs: &str) -> bool {
    match theirs {
        "filled" => ours == OrderStatus::Filled,
        "canceled" => ours == OrderStatus::Canceled,
        "expired" => ours == OrderStatus::Expired,
        "rejected" => ours == OrderStatus::Rejected,
        "replaced" => ours == OrderStatus::Replaced,
        "held" => matches!(ours, OrderStatus::Held | OrderStatus::Contingent),
        "partially_filled" => ours == OrderStatus::PartiallyFilled,
        _ => !ours.is_terminal(),
    }
}
