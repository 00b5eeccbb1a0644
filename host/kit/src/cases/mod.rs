//! What brokers do without any trouble of the network: partial fills, races, refusals, pages.
//!
//! Apart because each of these is a way in which a plugin can be wrong although every request is
//! answered.

mod exits;
mod features;
mod ids;
mod orders;
mod pages;
mod refusals;
mod streams;

use crate::Kit;
use crate::plan::Planned;
use crate::row::{Part, Tried};

type Run = fn(&Kit) -> Tried;

/// Every case: its subject, its name, what it does.
const CASES: &[(&str, &str, Run)] = &[
    ("ids", "the same client id twice", ids::twice),
    ("ids", "an id of full length and every character", ids::longest),
    ("ids", "an unknown client id is absent", ids::absent),
    ("ids", "an unknown order is absent", ids::absent_order),
    ("ids", "before connect every export says invalid", ids::before_connect),
    ("orders", "a partial fill is told as one", orders::partial),
    ("orders", "a cancel that races a fill", orders::race),
    ("orders", "a cancel of a filled order", orders::cancel_filled),
    ("orders", "a cancel of an unknown order", orders::cancel_unknown),
    ("orders", "a cancel is told by the next poll", orders::canceled),
    ("orders", "a fill is told by the next poll, once", orders::told_once),
    ("orders", "replace-order", orders::replace),
    ("orders", "replace-order without an answer, done", orders::replace_unanswered),
    ("orders", "replace-order refused by a front door", orders::replace_refused),
    ("orders", "confirm of a question nobody asked", orders::confirm),
    ("exits", "asked for again, unchanged without a write", exits::again),
    ("exits", "keep keeps", exits::keep),
    ("exits", "clear takes both away", exits::clear),
    ("exits", "a smaller quantity", exits::shrink),
    ("exits", "one exit alone", exits::alone),
    ("exits", "a stop that is hit takes its target with it", exits::hit),
    ("exits", "an exit that filled is told by the pair's id", exits::sold),
    ("exits", "exits of an entry that waits are left alone", exits::contingent),
    ("refusals", "a stop through the market", refusals::through),
    ("refusals", "more than is held", refusals::too_much),
    ("refusals", "more than the money buys", refusals::too_dear),
    ("refusals", "an unknown symbol", refusals::unknown_symbol),
    ("refusals", "a symbol in another case", refusals::other_case),
    ("refusals", "exits without a position", refusals::no_position),
    ("pages", "more than one page of orders", pages::orders),
    ("pages", "more than one page of fills", pages::fills),
    ("pages", "a page that fails makes no complete list", pages::half),
    ("streams", "a fill that no poll can read is told", streams::told),
    ("streams", "frames that come twice", streams::twice),
    ("streams", "frames that nobody can read", streams::garbage),
    ("streams", "frames that were lost", streams::gap),
    ("streams", "a socket that closes", streams::closed),
    ("features", "native-oco", features::oco),
    ("features", "native-bracket", features::bracket),
    ("features", "native-oto", features::oto),
    ("features", "replace-in-place", features::in_place),
    ("features", "exits-reserve-qty", features::reserve),
    ("features", "protect-beside-open-entry", features::beside),
    ("features", "shortable", features::short),
    ("features", "fractional", features::fraction),
    ("features", "batch-prices", features::batch),
    ("features", "client-id-unique-forever", features::forever),
    ("features", "client-id-lookup", features::lookup),
    ("features", "concurrent-writes", features::concurrent),
];

/// The rows of the cases.
pub(crate) fn all() -> Vec<Planned> {
    let row =
        |&(group, name, run): &(&str, &str, Run)| Planned::new(Part::Broker, group, name, run);
    CASES.iter().map(row).collect()
}
