//! Adopting what somebody else made: a position, and the exits that rest for it, become one of our
//! transactions.
//!
//! Apart from opening because nothing is sent for it: it is there already. It happens only when a
//! person asks, and only with what no transaction of ours holds.

use rust_decimal::Decimal;

use crate::book::{Account, Book};
use crate::broker::OrderReport;
use crate::check::{Context, No, PriceRules, check_quantity, fresh_quote, no_price};
use crate::ids::{BrokerOrderId, OwnerName, SliceNo, TransactionId};
use crate::instrument::Features;
use crate::intent::Adopt;
use crate::money::{Price, Quantity};
use crate::order::{Order, OrderKind, Role, TimeInForce};
use crate::reconcile::{surplus, surplus_is_current};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transaction::{
    Birth, Desired, Entry, EntryGuard, EntryKind, OnPartial, Slice, Transaction, TransactionEvent,
};

/// The transaction that the position becomes, or why not. The book is not changed.
///
/// # Errors
/// The refusal with its sentence.
pub(crate) fn adopt(book: &Book, wish: &Adopt, now: Timestamp) -> Result<Transaction, No> {
    let account = crate::open::ready_account(book, &wish.account)?;
    let context = Context {
        book: Some(book),
        account,
        instrument: account.instruments.get(&wish.symbol).map(|i| &**i),
        quote: account.quotes.get(&wish.symbol),
        now,
    };
    check_quantity(context.instrument, wish.quantity)?;
    let free = surplus(book, &wish.account, &wish.symbol, wish.direction);
    if wish.quantity > free {
        let why = format!(
            "{} of {} {} are at the account beyond what our transactions hold; not {}",
            free,
            wish.symbol,
            wish.direction.as_str(),
            wish.quantity
        );
        return Err((Refusal::NothingToAdopt, why));
    }
    if !surplus_is_current(book, &wish.account, &wish.symbol) {
        let why = format!(
            "something of {} moved since account {1} was read; read it again \
             (`bracketd account reconcile {1}`), then adopt",
            wish.symbol, wish.account
        );
        return Err((Refusal::NotReady, why));
    }
    let orders = exits(account, wish)?;
    let price_of = |role: Role, price: fn(&Order) -> Option<Price>| {
        orders.iter().find(|o| o.role == role).and_then(price)
    };
    let stop = wish.stop.or(price_of(Role::Stop, |o| o.trigger));
    let target = wish.target.or(price_of(Role::Target, |o| o.limit));
    let quote = fresh_quote(&context)?;
    let market = quote.exit_price(wish.direction).ok_or_else(|| no_price(&wish.symbol))?;
    let rules = PriceRules {
        direction: wish.direction,
        reference: (market, "market"),
        context: &context,
        stale: None,
    };
    rules.check(wish.stop, wish.target, (stop, target))?;
    Ok(transaction(book, account, wish, (stop, target), orders, market, now))
}

/// The foreign orders that become ours: exits of that position, one of a kind.
fn exits(account: &Account, wish: &Adopt) -> Result<Vec<Order>, No> {
    let no = |why: String| Err((Refusal::NothingToAdopt, why));
    let mut taken: Vec<Order> = Vec::new();
    for id in &wish.orders {
        let Some(report) = account.orphans.get(id) else {
            return no(format!("{id} is no open foreign order of account {}", account.name));
        };
        let role = match report.kind {
            OrderKind::Stop | OrderKind::StopLimit | OrderKind::TrailingStop => Role::Stop,
            OrderKind::Limit => Role::Target,
            OrderKind::Market | OrderKind::Other => {
                return no(format!("order {id} is neither a stop nor a limit order"));
            }
        };
        if report.symbol != wish.symbol || report.side != wish.direction.exit_side() {
            return no(format!(
                "order {id} is no exit of a {} {}",
                wish.direction.as_str(),
                wish.symbol
            ));
        }
        if report.quantity.minus(report.filled) > wish.quantity {
            return no(format!("order {id} would sell more than {}", wish.quantity));
        }
        if taken.iter().any(|order| order.role == role) {
            return no(format!("order {id} is a second {}", role.as_str()));
        }
        taken.push(order(report, role));
    }
    if let Some((ours, linked)) = left_behind(account, wish) {
        return no(format!(
            "order {ours} is linked with {linked}: one of them ends the other, so both are adopted or \
             none; add --order {linked}"
        ));
    }
    if let [one, other] = &*taken
        && account.can(&wish.symbol, Features::NATIVE_OCO)
        && (one.group.is_none() || one.group != other.group)
    {
        return no(format!(
            "orders {} and {} are not linked: in a fast market both would fill; adopt the stop \
             alone, and cancel the other at the broker",
            one.broker_id, other.broker_id
        ));
    }
    Ok(taken)
}

/// An adopted order and one that the broker links with it and the wish leaves out: it would rest on
/// without anybody who moves it, or end the stop that was adopted.
fn left_behind<'a>(
    account: &'a Account,
    wish: &'a Adopt,
) -> Option<(&'a BrokerOrderId, &'a BrokerOrderId)> {
    wish.orders.iter().find_map(|id| {
        let group = account.orphans.get(id)?.group.as_ref()?;
        let mut others = account.orphans.iter().filter(|(other, _)| !wish.orders.contains(other));
        let linked = others.find(|(_, report)| report.group.as_ref() == Some(group))?;
        Some((id, linked.0))
    })
}

fn order(report: &OrderReport, role: Role) -> Order {
    Order {
        broker_id: report.broker_id.clone(),
        client_id: report.client_id.clone(),
        group: report.group.clone(),
        slice: SliceNo(0),
        role,
        side: report.side,
        kind: report.kind,
        // What it had filled before is no exit of this transaction.
        quantity: report.quantity,
        filled: report.filled,
        avg_price: report.avg_price,
        limit: report.limit,
        trigger: report.trigger,
        status: report.status,
        updated_at: report.updated_at,
        stuck: false,
    }
}

fn transaction(
    book: &Book,
    account: &Account,
    wish: &Adopt,
    (stop, target): (Option<Price>, Option<Price>),
    orders: Vec<Order>,
    market: Price,
    now: Timestamp,
) -> Transaction {
    let paid = account.positions.iter().find(|p| p.symbol == wish.symbol).and_then(|p| p.avg_price);
    let paid = paid.unwrap_or(market);
    let mut tx = Transaction::born(Birth {
        id: TransactionId(book.last_id + 1),
        account: account.name.clone(),
        owner: OwnerName::new(account.name.as_str()),
        symbol: wish.symbol.clone(),
        direction: wish.direction,
        entry: Entry {
            kind: EntryKind::Market,
            quantity: wish.quantity,
            time_in_force: TimeInForce::Day,
            reference: paid,
            on_partial: OnPartial::CancelRest,
            guard: EntryGuard::Plain,
            cancel_asked: false,
            ended: true,
        },
        desired: Desired { stop, target, version: 1 },
        policies: wish.policies.clone().unwrap_or_else(|| account.rules.policies.clone()),
        at: now,
    });
    tx.orders = orders;
    tx.slices.push(Slice::new(SliceNo(0), wish.quantity, now));
    tx.entered = wish.quantity;
    tx.entered_value = value(paid, wish.quantity);
    tx.initial_stop = stop;
    tx.opened_at = Some(now);
    tx.status = tx.status.after(TransactionEvent::EntryFilled).unwrap_or(tx.status);
    tx
}

fn value(price: Price, quantity: Quantity) -> Decimal {
    price.get().saturating_mul(quantity.get())
}
