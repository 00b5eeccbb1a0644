//! JSON shape of a rung of a ladder.
//!
//! Apart because the page of a transaction and the export show the same.

use bracketd_core::ladder::Rung;
use serde::Serialize;

use super::decimal;

/// A part of the quantity with a target of its own.
#[derive(Debug, Serialize)]
pub struct RungView {
    /// Its share of the quantity when the ladder was set.
    share: String,
    target: String,
    /// What it was cut to.
    quantity: String,
    /// What of that has not left yet; "0" is done.
    left: String,
    /// The slice that holds it, once something of it is held.
    slice: Option<u8>,
}

/// One rung.
pub fn rung(rung: &Rung) -> RungView {
    RungView {
        share: decimal(rung.share),
        target: decimal(rung.target.get()),
        quantity: decimal(rung.quantity.get()),
        left: decimal(rung.left.get()),
        slice: rung.slice.map(|slice| slice.0),
    }
}
