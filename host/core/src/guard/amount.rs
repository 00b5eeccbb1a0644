//! How much: the largest order (G1), the account's exposure (G3), the largest loss of a trade
//! (G15).
//!
//! Apart because all three are money, computed from the same three factors. Amounts are in the
//! instrument's currency; none is ever converted.

use rust_decimal::Decimal;

use crate::book::{Account, Book};
use crate::check::{Context, No, is_tighter};
use crate::command::OpKind;
use crate::ids::Symbol;
use crate::money::{Price, Quantity};
use crate::order::{self, Direction, Role};
use crate::refusal::Refusal;
use crate::transaction::{Task, Transaction};

/// An order that would add to what is held.
pub(crate) struct Order<'a> {
    pub(crate) symbol: &'a Symbol,
    pub(crate) quantity: Quantity,
    /// Its limit, or what the market asks for.
    pub(crate) price: Price,
}

/// G1 and G3: whether the account may place an order of that size.
pub(crate) fn order(context: &Context<'_>, order: &Order<'_>) -> Result<(), No> {
    let Order { symbol, quantity, price } = order;
    let rules = &context.account.rules.guards;
    let limits = rules.order_limits(symbol);
    if let Some(max) = limits.quantity.filter(|max| quantity > max) {
        let why = format!(
            "{quantity} {symbol} is more than one order may be: max_order_quantity is {max}; \
             split it or raise the limit in [account.guards]"
        );
        return Err((Refusal::MaxQuantity, why));
    }
    let notional = value(*price, *quantity, multiplier(context));
    if let Some(max) = limits.notional.filter(|max| notional > *max) {
        let why = format!(
            "{quantity} {symbol} at {price} is {notional}; max_order_notional is {max}; split it \
             or raise the limit in [account.guards]"
        );
        return Err((Refusal::MaxNotional, why));
    }
    let (Some(max), Some(book)) = (rules.max_exposure, context.book) else { return Ok(()) };
    let currency = context.instrument.map(|instrument| instrument.currency.as_str());
    let own = context.account.balance.as_ref().map(|balance| balance.currency.as_str());
    if let (Some(currency), Some(own)) = (currency, own)
        && currency != own
    {
        let why = format!(
            "{symbol} is priced in {currency}, max_exposure counts {own}, and nothing is \
             converted; leave max_exposure out for an account with both"
        );
        return Err((Refusal::MaxExposure, why));
    }
    let before = exposure(book, context.account);
    if before.saturating_add(notional) <= max {
        return Ok(());
    }
    let why = format!(
        "{quantity} {symbol} at {price} is {notional}, and {before} is held or rests as entries \
         already; max_exposure is {max}; close or cancel something first"
    );
    Err((Refusal::MaxExposure, why))
}

/// Money in all that an account holds and in what of its entries still rests. What is held counts
/// at the price at which it could be ended, however old; positions that are not ours do not count.
pub fn exposure(book: &Book, account: &Account) -> Decimal {
    let ours = book.transactions.values().filter(|tx| tx.account == account.name);
    ours.filter(|tx| !tx.status.is_ended())
        .map(|tx| {
            let quote = account.quotes.get(&tx.symbol);
            let mark = quote.and_then(|quote| quote.exit_price(tx.direction));
            let mark = mark.or(tx.entry_price()).unwrap_or(tx.entry.reference);
            let factor = account.instruments.get(&tx.symbol).map_or(Decimal::ONE, |i| i.multiplier);
            let held = value(mark, tx.held().plus(growing(tx)), factor);
            held.saturating_add(value(tx.entry.reference, resting(tx), factor))
        })
        .fold(Decimal::ZERO, Decimal::saturating_add)
}

/// What of the entry has not filled and still may.
fn resting(tx: &Transaction) -> Quantity {
    if tx.entry.ended { Quantity::ZERO } else { tx.entry.quantity.minus(tx.entered) }
}

/// G15: whether what is bought at these prices may be lost down to that stop.
pub(crate) fn loss(
    context: &Context<'_>,
    direction: Direction,
    bought: &[(Price, Quantity)],
    stop: Option<Price>,
) -> Result<(), No> {
    let Some(max) = context.account.rules.guards.max_loss_per_trade else { return Ok(()) };
    let Some(stop) = stop else {
        let why = format!(
            "without a stop its loss has no bound; max_loss_per_trade is {max}, so name a stop"
        );
        return Err((Refusal::MaxLoss, why));
    };
    let lost = bought.iter().map(|(price, quantity)| {
        let per_unit = match direction {
            Direction::Long => price.get() - stop.get(),
            Direction::Short => stop.get() - price.get(),
        };
        per_unit.saturating_mul(quantity.get()).saturating_mul(multiplier(context))
    });
    let lost = lost.fold(Decimal::ZERO, Decimal::saturating_add).normalize();
    if lost <= max {
        return Ok(());
    }
    let why = format!(
        "at its stop {stop} it would lose {lost}; max_loss_per_trade is {max}; set the stop \
         nearer or trade less"
    );
    Err((Refusal::MaxLoss, why))
}

/// G15: whether the stop may be changed like this. A change that risks less always may.
pub(crate) fn loss_of_change(
    tx: &Transaction,
    context: &Context<'_>,
    stop: Option<Price>,
) -> Result<(), No> {
    let risks_more = match (tx.desired.stop, stop) {
        (before, after) if before == after => false,
        (Some(before), Some(after)) => !is_tighter(tx.direction, after, before),
        (Some(_), None) => true,
        (None, _) => false,
    };
    if risks_more { loss(context, tx.direction, &bought(tx, context), stop) } else { Ok(()) }
}

/// What is held at its average price, what may still fill at the planned one, and what a growth
/// under way buys at the market.
pub(crate) fn bought(tx: &Transaction, context: &Context<'_>) -> [(Price, Quantity); 3] {
    let entry = tx.entry_price().unwrap_or(tx.entry.reference);
    let market = context.quote.and_then(|quote| quote.entry_price(tx.direction));
    let growing = (market.unwrap_or(entry), growing(tx));
    [(entry, tx.held()), (tx.entry.reference, resting(tx)), growing]
}

/// What a growth under way still buys; one that a close has overtaken may still fill.
fn growing(tx: &Transaction) -> Quantity {
    let wanted = match &tx.task {
        Some(Task::Grow { to }) => to.minus(tx.held()),
        Some(Task::Close { .. } | Task::Reduce { .. }) | None => Quantity::ZERO,
    };
    if !tx.entry.ended {
        // What rests or is being sent is the first entry.
        return wanted;
    }
    let live = tx.orders.iter().filter(|o| o.role == Role::Entry && !o.status.is_terminal());
    let coming = tx.unseen().filter_map(|op| match &op.kind {
        OpKind::Submit(order) => Some(order.quantity),
        OpKind::Close(_) | OpKind::Adjust { .. } | OpKind::Cancel { .. } => None,
    });
    wanted.max(live.map(order::Order::leaves).chain(coming).sum())
}

fn multiplier(context: &Context<'_>) -> Decimal {
    context.instrument.map_or(Decimal::ONE, |instrument| instrument.multiplier)
}

fn value(price: Price, quantity: Quantity, multiplier: Decimal) -> Decimal {
    price.get().saturating_mul(quantity.get()).saturating_mul(multiplier).normalize()
}
