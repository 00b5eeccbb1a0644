//! The gate's questions about how much is held: closes, resizes, and what an order may be of.
//!
//! Apart because they are about quantities, and the rest of the gate is about prices.

use super::{Context, No, fresh_quote, no_price};
use crate::command::OpKind;
use crate::guard;
use crate::instrument::Instrument;
use crate::intent::{Outcome, Request};
use crate::money::Quantity;
use crate::refusal::Refusal;
use crate::transaction::{Transaction, TransactionStatus};

pub(super) fn close(
    tx: &Transaction,
    context: &Context<'_>,
    request: &Request,
) -> Result<(Outcome, String), No> {
    match tx.status {
        TransactionStatus::Opened => {
            guard::too_many_closes(tx, context, request)?;
            if let Some(book) = context.book {
                guard::wash::close_meets_entry(book, context.account, tx)?;
            }
            Ok((Outcome::Staged, "the close is being sent".to_owned()))
        }
        TransactionStatus::Closing => {
            Ok((Outcome::Unchanged, "it is being closed already".to_owned()))
        }
        TransactionStatus::Waiting | TransactionStatus::Closed | TransactionStatus::Failed => {
            Err((
                Refusal::NotOpened,
                format!(
                    "transaction {} is WAITING: nothing is held; cancel its entry instead",
                    tx.id
                ),
            ))
        }
    }
}

pub(super) fn resize(
    tx: &Transaction,
    context: &Context<'_>,
    quantity: Quantity,
) -> Result<(Outcome, String), No> {
    match tx.status {
        TransactionStatus::Opened => {}
        TransactionStatus::Closing => {
            return Err((Refusal::Busy, format!("transaction {} is being closed", tx.id)));
        }
        TransactionStatus::Waiting | TransactionStatus::Closed | TransactionStatus::Failed => {
            let why = format!("transaction {} is WAITING: nothing is held yet", tx.id);
            return Err((Refusal::NotOpened, why));
        }
    }
    if tx.task.is_some() {
        return Err((Refusal::Busy, "a change of the quantity is under way".to_owned()));
    }
    if quantity == tx.held() {
        return Ok((Outcome::Unchanged, format!("{quantity} is held already")));
    }
    if quantity.is_zero() {
        return Err((Refusal::BadQuantity, "nothing would be left; close it instead".to_owned()));
    }
    check_quantity(context.instrument, quantity)?;
    if quantity > tx.held() && !tx.entry.ended {
        let why = "the entry still rests; cancel it or wait for its end".to_owned();
        return Err((Refusal::Busy, why));
    }
    if quantity > tx.held() && tx.ops.iter().any(|op| matches!(op.kind, OpKind::Submit(_))) {
        let why = "an order that adds to it is not settled; try again when it is".to_owned();
        return Err((Refusal::Busy, why));
    }
    if quantity > tx.held() {
        grow(tx, context, quantity)?;
    } else if let Some(book) = context.book {
        guard::wash::close_meets_entry(book, context.account, tx)?;
    }
    Ok((Outcome::Staged, "the change is being sent".to_owned()))
}

/// More of the same is new risk, bought at the market: it is checked like an entry.
fn grow(tx: &Transaction, context: &Context<'_>, to: Quantity) -> Result<(), No> {
    guard::restricted(context.account, &tx.symbol)?;
    guard::session_closed(context, &tx.symbol)?;
    let quote = fresh_quote(context)?;
    let price = quote.entry_price(tx.direction).ok_or_else(|| no_price(&tx.symbol))?;
    let quantity = to.minus(tx.held());
    guard::order(context, &guard::Order { symbol: &tx.symbol, quantity, price })?;
    let mut bought = guard::bought(tx, context).to_vec();
    bought.push((price, quantity));
    guard::loss(context, tx.direction, &bought, tx.desired.stop)?;
    match context.book {
        Some(book) => guard::wash::growth_meets_exits(book, context.account, tx),
        None => Ok(()),
    }
}

pub(crate) fn check_quantity(
    instrument: Option<&Instrument>,
    quantity: Quantity,
) -> Result<(), No> {
    let Some(instrument) = instrument else {
        let why = "the instrument's quantity step is not read yet; try again".to_owned();
        return Err((Refusal::NotReady, why));
    };
    let no = |why: String| Err((Refusal::BadQuantity, why));
    if quantity.is_zero() {
        return no("the quantity is zero".to_owned());
    }
    if !instrument.is_on_step(quantity) {
        return no(format!("{quantity} is not a multiple of the step {}", instrument.qty_step));
    }
    if quantity < instrument.min_qty {
        return no(format!("{quantity} is below the smallest order {}", instrument.min_qty));
    }
    match instrument.max_qty {
        Some(max) if quantity > max => no(format!("{quantity} is above the largest order {max}")),
        _ => Ok(()),
    }
}
