//! Opening a transaction: the checks before there is one, and the plan of its entry.
//!
//! Apart from the gate because it looks at the whole book (what else is held?), which no other
//! check does.

use rust_decimal::Decimal;

use crate::book::{Account, Book};
use crate::check::{
    Context, No, PriceRules, check_quantity, collar, fresh_quote, is_tighter, no_price,
};
use crate::guard;
use crate::ids::{AccountName, OwnerName, Symbol, TransactionId};
use crate::instrument::Features;
use crate::intent::{GuardWish, Open};
use crate::money::Price;
use crate::order::{Direction, TimeInForce};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transaction::{Birth, Desired, Entry, EntryGuard, EntryKind, OnPartial, Transaction};

/// The new transaction, WAITING, or why not. The book is not changed.
///
/// # Errors
/// The refusal with its sentence.
pub fn open(book: &Book, wish: &Open, now: Timestamp) -> Result<Transaction, No> {
    let account = ready_account(book, &wish.account)?;
    guard::restricted(account, &wish.symbol)?;
    let context = Context {
        account,
        instrument: account.instruments.get(&wish.symbol).map(|i| &**i),
        quote: account.quotes.get(&wish.symbol),
        now,
        book: Some(book),
    };
    if wish.entry == EntryKind::Market {
        guard::session_closed(&context, &wish.symbol)?;
    }
    check_quantity(context.instrument, wish.quantity)?;
    would_net(book, account, wish)?;
    let planned = planned(&context, wish)?;
    let (price, reference) = (planned.0, reference(&context, wish.direction, planned));
    let rules = PriceRules { direction: wish.direction, reference, context: &context, stale: None };
    if let EntryKind::Limit(limit) = wish.entry {
        rules.tick(limit)?;
        limit_collar(&context, limit)?;
    }
    rules.check(wish.stop, wish.target, (wish.stop, wish.target))?;
    rules.bounds(wish.stop, wish.target)?;
    let carries = carried(book, account, wish);
    guard::duplicate(book, account, wish, now)?;
    let order = guard::Order { symbol: &wish.symbol, quantity: wish.quantity, price };
    guard::order(&context, &order)?;
    guard::loss(&context, wish.direction, &[(price, wish.quantity)], wish.stop)?;
    guard::wash::entry_meets_exits(book, account, wish, carries)?;
    Ok(transaction(book, account, wish, (price, carries), now))
}

/// The account of that name, once it is connected and compared with the book.
pub(crate) fn ready_account<'b>(book: &'b Book, name: &AccountName) -> Result<&'b Account, No> {
    let Some(account) = book.accounts.get(name) else {
        let known: Vec<&str> = book.accounts.keys().map(|name| name.as_str()).collect();
        let why = format!("there is no account {name}; there are: {}", known.join(", "));
        return Err((Refusal::UnknownAccount, why));
    };
    if !account.is_up || !account.is_reconciled {
        let why = format!("account {name} is not connected and reconciled yet");
        return Err((Refusal::NotReady, why));
    }
    Ok(account)
}

/// What is paid at most, or got at least.
fn planned(context: &Context<'_>, wish: &Open) -> Result<(Price, &'static str), No> {
    match wish.entry {
        EntryKind::Limit(limit) => Ok((limit, "planned entry")),
        EntryKind::Market => {
            let quote = fresh_quote(context)?;
            let price = quote.entry_price(wish.direction).ok_or_else(|| no_price(&wish.symbol))?;
            Ok((price, "market"))
        }
    }
}

/// What stop and target are checked against. A limit that the market has reached fills at the market's
/// price: a stop between the two would act at once.
fn reference(
    context: &Context<'_>,
    direction: Direction,
    planned: (Price, &'static str),
) -> (Price, &'static str) {
    let market = fresh_quote(context).ok().and_then(|quote| quote.entry_price(direction));
    let fills_at = market.filter(|market| is_tighter(direction, planned.0, *market));
    fills_at.map_or(planned, |market| (market, "market"))
}

/// Whether the limit of an entry is near enough to one of the prices that are known (G2): before a
/// session one side of them may stand anywhere. Without any there is nothing to compare it with; an old
/// one tells a digit too many all the same.
fn limit_collar(context: &Context<'_>, limit: Price) -> Result<(), No> {
    let Some(quote) = context.quote else { return Ok(()) };
    let name = if fresh_quote(context).is_ok() { "market" } else { "last known price" };
    let mut result = Ok(());
    for price in [quote.last, quote.bid, quote.ask].into_iter().flatten() {
        result = collar(context, (price, name), limit);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// An entry against a held opposite side would shrink that instead of opening anything.
fn would_net(book: &Book, account: &Account, wish: &Open) -> Result<(), No> {
    if account.can(&wish.symbol, Features::HEDGING) {
        return Ok(());
    }
    let opposite = book.transactions.values().find(|tx| {
        tx.account == account.name
            && tx.symbol == wish.symbol
            && tx.direction != wish.direction
            && !tx.status.is_ended()
    });
    let position = account.positions.iter().find(|p| p.symbol == wish.symbol);
    let against = position.is_some_and(|p| match wish.direction {
        Direction::Long => p.quantity < Decimal::ZERO,
        Direction::Short => p.quantity > Decimal::ZERO,
    });
    let what = match opposite {
        Some(tx) => format!("transaction {} is {}", tx.id, tx.direction.as_str()),
        None if against => "the account holds the opposite side".to_owned(),
        None => return Ok(()),
    };
    Err((Refusal::WouldNet, format!("{what} in {}; the account would net the two", wish.symbol)))
}

fn transaction(
    book: &Book,
    account: &Account,
    wish: &Open,
    (reference, guard): (Price, EntryGuard),
    now: Timestamp,
) -> Transaction {
    let both = wish.stop.is_some() && wish.target.is_some();
    let on_partial = wish.on_partial.or(account.rules.on_partial).unwrap_or({
        let pair_beside_entry = both && account.can(&wish.symbol, Features::NATIVE_OCO);
        if guard == EntryGuard::Plain && pair_beside_entry {
            OnPartial::Oco
        } else {
            OnPartial::CancelRest
        }
    });
    Transaction::born(Birth {
        id: TransactionId(book.last_id + 1),
        account: account.name.clone(),
        owner: wish.owner.clone().unwrap_or_else(|| OwnerName::new(account.name.as_str())),
        symbol: wish.symbol.clone(),
        direction: wish.direction,
        entry: Entry {
            kind: wish.entry,
            quantity: wish.quantity,
            time_in_force: wish.time_in_force.unwrap_or(TimeInForce::Gtc),
            reference,
            on_partial,
            guard,
            cancel_asked: false,
            ended: false,
        },
        desired: Desired { stop: wish.stop, target: wish.target, version: 1 },
        policies: wish.policies.clone().unwrap_or_else(|| account.rules.policies.clone()),
        at: now,
    })
}

/// What the entry can carry at this moment. Alpaca takes exits only with a market or limit entry
/// for whole units that opens, not adds to, a position ("bracket orders must be entry orders").
fn carried(book: &Book, account: &Account, wish: &Open) -> EntryGuard {
    let whole = wish.quantity.get().fract().is_zero();
    let held = |symbol: &Symbol| {
        book.transactions
            .values()
            .any(|tx| tx.account == account.name && tx.symbol == *symbol && !tx.status.is_ended())
            || account.positions.iter().any(|p| p.symbol == *symbol && !p.quantity.is_zero())
    };
    if wish.guard == GuardWish::Plain || !whole || held(&wish.symbol) {
        return EntryGuard::Plain;
    }
    let can = |feature| account.can(&wish.symbol, feature);
    match (wish.stop, wish.target) {
        (Some(_), Some(_)) if can(Features::NATIVE_BRACKET) => EntryGuard::Bracket,
        (Some(_), None) if can(Features::NATIVE_OTO) => EntryGuard::Oto,
        _ => EntryGuard::Plain,
    }
}
