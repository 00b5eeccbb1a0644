//! The bits of text that tie a fact to a wish, and say what a ladder came to. Apart because nothing
//! else may read words.

use bracketd_core::Decimal;
use bracketd_core::money::Price;

/// The ticket of the wish that a fact's reason names.
pub(super) fn ticket_of(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("wish ")?;
    rest.split_once(';')?.0.parse().ok()
}

/// The rungs that the fact of a ladder names: `5 at 105, 3 at 108: why`.
pub(super) fn rungs_of(text: &str) -> Vec<(Decimal, Price)> {
    let (rungs, _) = text.split_once(": ").unwrap_or((text, ""));
    let rung = |rung: &str| {
        let (quantity, target) = rung.split_once(" at ")?;
        Some((quantity.parse().ok()?, Price::new(target.parse().ok()?)?))
    };
    rungs.split(", ").filter_map(rung).collect()
}
