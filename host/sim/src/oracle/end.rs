//! After everything has healed both ends tell the same story (S4, S10), and nothing hangs.
//!
//! Apart because these are promises about the end; until then they may be broken for a while.

use std::collections::BTreeMap;

use bracketd_core::command::Op;
use bracketd_core::ids::TransactionId;
use bracketd_core::money::Price;
use bracketd_core::order::{Direction, Role};
use bracketd_core::protection::{Exposed, Protection};
use bracketd_core::transaction::{OnPartial, Transaction, TransactionStatus};
use bracketd_core::{Decimal, time::Timestamp};
use bracketd_engine::Engine;
use bracketd_exchange::book::{NewOrder, RejectKind, Side as Way};

use crate::broker::Exits;

use super::Oracle;
use super::model::Model;
use crate::world::Account;

/// How long a row may take while the broker refuses again and again what is wanted.
const PATIENCE_MS: i64 = 60_000;

impl Oracle {
    /// What is not as it must be in the end; empty when all is well. Rows that were planned after
    /// that moment may still be on their way.
    pub(crate) fn unfinished(
        &self,
        engine: &Engine,
        accounts: &[Account],
        young_since: Timestamp,
    ) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        for (id, model) in &self.models {
            let Some(tx) = engine.book().transactions.get(id) else { continue };
            let account = &accounts[model.account];
            self.legs(*id, tx, model, account, &mut wrong);
            self.hangs(*id, tx, account, young_since, &mut wrong);
            if tx.held().get() != model.held {
                let text = format!("{id} holds {}, its fills say {}", tx.held(), model.held);
                wrong.push(("S10", text));
            }
        }
        for (no, account) in accounts.iter().enumerate() {
            self.positions(no, account, engine, &mut wrong);
            for order in account.broker.live() {
                let is_known = account.broker.made.contains_key(&order.id);
                if !is_known && !account.foreign.contains(&order.id) {
                    wrong.push(("S5", format!("order {} was made by nobody", order.id)));
                }
            }
        }
        wrong
    }

    /// The live exits are those that are wanted.
    fn legs(
        &self,
        id: TransactionId,
        tx: &Transaction,
        model: &Model,
        account: &Account,
        wrong: &mut Vec<(&'static str, String)>,
    ) {
        let broker = &account.broker;
        let held = tx.held().get();
        let ended = tx.status.is_ended();
        let closing = tx.status == TransactionStatus::Closing || tx.task.is_some();
        if closing {
            return;
        }
        for role in [Role::Stop, Role::Target] {
            let wanted = wanted_of(tx, model, role);
            let wanted = if held.is_zero() || ended { BTreeMap::new() } else { wanted };
            let mut rests: BTreeMap<Option<Price>, Decimal> = BTreeMap::new();
            for order in broker.live() {
                let made = broker.made.get(&order.id);
                if made.is_none_or(|made| made.transaction != id || made.role != role) {
                    continue;
                }
                if !broker.stands(order) && tx.resting_entry().is_some() {
                    // Carried by an entry that rests, it does nothing before that has filled.
                    continue;
                }
                let price = order.stop_price.or(order.limit_price).and_then(Price::new);
                *rests.entry(price).or_default() += order.remaining();
            }
            let is_live = !held.is_zero() && !ended;
            // One write is for both: where the stop is refused, the target stays as it was.
            let may_miss =
                || self.cannot_rest(id, tx, model, account) || waits_for_entry(id, tx, account);
            if rests != wanted && !(is_live && may_miss()) {
                let text = format!(
                    "{id} ({}): {held} held, {} {wanted:?} wanted, {rests:?} rest, {:?}",
                    tx.status.as_str(),
                    role.as_str(),
                    tx.protection
                );
                wrong.push(("S4", text));
            }
        }
    }

    /// Whether the broker would refuse these exits: the stop is through the market, or a stranger's
    /// order or another of ours stands in the way. Then it must have been said.
    fn cannot_rest(
        &self,
        id: TransactionId,
        tx: &Transaction,
        model: &Model,
        account: &Account,
    ) -> bool {
        let side = match model.direction {
            Direction::Long => Way::Sell,
            Direction::Short => Way::Buy,
        };
        let (symbol, held) = (model.symbol.as_str(), tx.held().get());
        let order = |target: Option<Price>| match (model.stop, target) {
            (Some(stop), Some(target)) if account.broker.caps.exits == Exits::Reserved => {
                Some(NewOrder::oco(symbol, side, held, target.get(), stop.get()))
            }
            (Some(stop), _) => Some(NewOrder::stop(symbol, side, held, stop.get())),
            (None, Some(target)) => Some(NewOrder::limit(symbol, side, held, target.get())),
            (None, None) => None,
        };
        // One of the targets may be through the market, while the others are not.
        let targets = model.targets().map(Some).chain([model.target]);
        let orders: Vec<NewOrder> = targets.filter_map(order).collect();
        if orders.is_empty() {
            return false;
        }
        // A stop that rests where it was before protects all the same.
        let is_said = model.stop.is_none()
            || matches!(tx.protection, Protection::Unprotected { .. })
            || model.covered >= model.held;
        let mut refused = orders.iter().filter_map(|order| account.broker.would_refuse(id, order));
        let strangers = account.foreign.iter().filter_map(|id| account.broker.book.order(*id));
        let reserved =
            strangers.filter(|o| o.is_live() && o.symbol == symbol && o.side == side).count() > 0;
        // An entry that came after it was given up may have netted another one of ours away.
        let is_netted = self.models.values().any(|other| {
            other.account == model.account
                && other.symbol == model.symbol
                && other.direction != model.direction
                && !(other.held.is_zero() && other.left.is_zero())
        });
        let there = account.broker.held(symbol);
        let beside = self.models.values().filter(|other| {
            (other.account, other.direction) == (model.account, model.direction)
                && other.symbol == model.symbol
        });
        let all: Decimal = beside.map(|other| other.held).sum();
        let covers = match model.direction {
            Direction::Long => there >= all,
            Direction::Short => -there >= all,
        };
        let is_reason = refused.any(|reject| match reject.kind {
            RejectKind::WashTrade | RejectKind::StopThroughMarket | RejectKind::Geometry => true,
            RejectKind::InsufficientQty => reserved,
            _ => false,
        });
        is_said && (is_reason || is_netted && !covers)
    }

    fn positions(
        &self,
        no: usize,
        account: &Account,
        engine: &Engine,
        wrong: &mut Vec<(&'static str, String)>,
    ) {
        let symbols: std::collections::BTreeSet<&str> = self
            .models
            .values()
            .filter(|model| model.account == no)
            .map(|model| model.symbol.as_str())
            .collect();
        for symbol in symbols {
            let strange = self.sides[no].strange.get(symbol).copied().unwrap_or_default();
            let there = account.broker.held(symbol);
            let outside = |side| {
                let told = self.sides[no].outside.get(&(symbol.to_owned(), side)).copied();
                told.unwrap_or_default()
            };
            // What left so is neither in our transactions nor in the account any more.
            let left = outside(Direction::Short) - outside(Direction::Long);
            let by_fills = self.ours(no, symbol) - left + strange;
            if there != by_fills {
                wrong.push(("S10", format!("{symbol}: {there} held, fills say {by_fills}")));
            }
            if !account.touched.iter().any(|touched| touched == symbol) {
                continue;
            }
            let book: Decimal = engine
                .book()
                .transactions
                .values()
                .filter(|tx| tx.account == account.name && tx.symbol.as_str() == symbol)
                .map(|tx| match tx.direction {
                    Direction::Long => tx.held().get(),
                    Direction::Short => -tx.held().get(),
                })
                .sum();
            if book != there {
                let text = format!("{symbol}: the account holds {there}, the book {book}");
                wrong.push(("S10", text));
            }
        }
    }

    /// Fails with what is unfinished.
    pub(crate) fn finish(&mut self, engine: &Engine, accounts: &[Account], now: Timestamp) {
        let young_since = Timestamp(now.0.saturating_sub(PATIENCE_MS * 1_000));
        for (rule, text) in self.unfinished(engine, accounts, young_since) {
            self.fail(rule, now, text);
        }
    }

    /// Nothing waits for what will never come.
    fn hangs(
        &self,
        id: TransactionId,
        tx: &Transaction,
        account: &Account,
        young_since: Timestamp,
        wrong: &mut Vec<(&'static str, String)>,
    ) {
        let is_young =
            |op: &Op| self.planned.get(&op.id).is_some_and(|row| row.seen_at > young_since);
        for op in &tx.ops {
            if !op.state.is_settled() && !is_young(op) {
                let text =
                    format!("{id}: {} {} is still {}", op.kind.as_str(), op.id, op.state.as_str());
                wrong.push(("S15", text));
            }
        }
        let live = |role: Role| {
            account.broker.live().any(|order| {
                account
                    .broker
                    .made
                    .get(&order.id)
                    .is_some_and(|made| made.transaction == id && made.role == role)
            })
        };
        match tx.status {
            TransactionStatus::Waiting if !live(Role::Entry) && tx.ops.is_empty() => {
                wrong.push(("S4", format!("{id} waits for an entry that is not there")));
            }
            TransactionStatus::Closing if !live(Role::Close) && !tx.ops.iter().any(is_young) => {
                wrong.push(("S4", format!("{id} is closing, and nothing closes it")));
            }
            TransactionStatus::Closed | TransactionStatus::Failed if live(Role::Entry) => {
                wrong.push(("S4", format!("{id} has ended, and its entry rests")));
            }
            _ => {}
        }
    }
}

/// Units that are wanted at each price: the stop is one for all of it, and each part of a ladder has
/// its own target.
fn wanted_of(tx: &Transaction, model: &Model, role: Role) -> BTreeMap<Option<Price>, Decimal> {
    let mut wanted = BTreeMap::new();
    let mut want = |price: Option<Price>, units: Decimal| {
        if price.is_some() && !units.is_zero() {
            *wanted.entry(price).or_default() += units;
        }
    };
    let mut rest = tx.held().get();
    if role == Role::Target {
        // The nearest rung first, as people are told.
        for (left, target) in model.rungs_left(&tx.ladder) {
            let units = left.min(rest);
            rest -= units;
            want(Some(target), units);
        }
    }
    want(if role == Role::Stop { model.stop } else { model.target }, rest);
    wanted
}

/// Whether the rest of an entry is waited for, as its account wants it, and people are told so.
fn waits_for_entry(id: TransactionId, tx: &Transaction, account: &Account) -> bool {
    let is_entry = |order: &bracketd_exchange::book::Order| {
        let made = account.broker.made.get(&order.id);
        made.is_some_and(|made| made.transaction == id && made.role == Role::Entry)
    };
    let is_said = matches!(
        tx.protection,
        Protection::Unprotected { why: Exposed::WaitingForEntry, .. } | Protection::NotWanted
    );
    tx.entry.on_partial == OnPartial::Wait && is_said && account.broker.live().any(is_entry)
}
