//! Own orders on both sides: the broker's user-protection matrix.
//!
//! Separate because it is one published table. Groups (bracket, oco, oto) are exempt, on whichever
//! side of the comparison they stand.

use super::order::{Order, OrderClass, Side};
use rust_decimal::Decimal;

/// The parts of a new or changed order the matrix looks at.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) class: OrderClass,
    pub(super) side: Side,
    pub(super) limit_price: Option<Decimal>,
}

/// Whether `new` and the live order `old` could trade with each other.
pub(super) fn could_trade(new: Candidate, old: &Order) -> bool {
    if new.side == old.side
        || new.class != OrderClass::Simple
        || old.order_class != OrderClass::Simple
    {
        return false;
    }
    let (Some(new_limit), Some(old_limit)) = (new.limit_price, old.limit_price) else {
        return true;
    };
    match new.side {
        Side::Buy => new_limit >= old_limit,
        Side::Sell => old_limit >= new_limit,
    }
}
