//! Alpaca's words and ours. Separate because this table is what an integrator checks first; it must
//! never guess: a word that is not in it is `unknown`.

use bracketd_plugin_sdk::types::{Link, OrderKind, OrderState, Side, Tif};

/// Where an order stands among its relatives; it decides what `held` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// No order beside or above it, or it is the parent.
    Top,
    /// Exit beside a live exit of the same pair.
    Sibling,
    /// Exit of an entry that is not completely filled.
    Waiting,
}

/// The state behind one of Alpaca's 17 status words (and `pending_review`, which its clients know).
#[must_use]
pub fn order_state(word: &str, place: Place) -> OrderState {
    use OrderState as S;
    let state = match word {
        "new" | "accepted_for_bidding" | "stopped" => S::Working,
        "accepted" | "pending_new" | "pending_review" => S::PendingNew,
        "partially_filled" => S::PartiallyFilled,
        "pending_replace" => S::PendingReplace,
        "pending_cancel" => S::PendingCancel,
        "done_for_day" | "suspended" | "calculated" => S::Inactive,
        "held" if place == Place::Sibling => S::Held,
        "held" => S::Contingent,
        "filled" => S::Filled,
        "canceled" => S::Canceled,
        "rejected" => S::Rejected,
        "expired" => S::Expired,
        "replaced" => S::Replaced,
        _ => S::Unknown,
    };
    match (place, state) {
        // Some live words are used for an exit before it can trade; it still protects nothing.
        (Place::Waiting, S::Working | S::PendingNew) => S::Contingent,
        _ => state,
    }
}

/// Whether an order in this state can never trade again.
#[must_use]
pub const fn is_over(state: OrderState) -> bool {
    use OrderState as S;
    matches!(state, S::Filled | S::Canceled | S::Rejected | S::Expired | S::Replaced)
}

/// The link behind an order class.
#[must_use]
pub fn link(class: &str) -> Link {
    match class {
        "" | "simple" => Link::Alone,
        "oco" => Link::Oco,
        "bracket" => Link::Bracket,
        "oto" => Link::Oto,
        _ => Link::Other,
    }
}

/// The kind behind an order type.
#[must_use]
pub fn kind(word: &str) -> OrderKind {
    match word {
        "market" => OrderKind::Market,
        "limit" => OrderKind::Limit,
        "stop" => OrderKind::Stop,
        "stop_limit" => OrderKind::StopLimit,
        "trailing_stop" => OrderKind::TrailingStop,
        _ => OrderKind::Other,
    }
}

/// The time in force behind a word.
#[must_use]
pub fn tif(word: &str) -> Tif {
    match word {
        "day" => Tif::Day,
        "gtc" => Tif::Gtc,
        "ioc" => Tif::Ioc,
        "fok" => Tif::Fok,
        "opg" => Tif::Opg,
        "cls" => Tif::Cls,
        _ => Tif::Other,
    }
}

/// Alpaca's word for a time in force; none where it has no such thing.
#[must_use]
pub const fn tif_word(tif: Tif) -> Option<&'static str> {
    match tif {
        Tif::Day => Some("day"),
        Tif::Gtc => Some("gtc"),
        Tif::Ioc => Some("ioc"),
        Tif::Fok => Some("fok"),
        Tif::Opg => Some("opg"),
        Tif::Cls => Some("cls"),
        Tif::Gtd | Tif::Other => None,
    }
}

/// The side behind a word (`sell_short` is used by activities).
#[must_use]
pub fn side(word: &str) -> Option<Side> {
    match word {
        "buy" => Some(Side::Buy),
        "sell" | "sell_short" => Some(Side::Sell),
        _ => None,
    }
}

/// Alpaca's word for a side.
#[must_use]
pub const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// The side that closes what this side opened.
#[must_use]
pub const fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I5: only what can trade, or rests behind a live sibling, may be called protection.
    #[test]
    fn every_status_word_in_every_place() {
        use OrderState as S;
        for (word, top, sibling, waiting) in [
            ("new", S::Working, S::Working, S::Contingent),
            ("accepted", S::PendingNew, S::PendingNew, S::Contingent),
            ("pending_new", S::PendingNew, S::PendingNew, S::Contingent),
            ("pending_review", S::PendingNew, S::PendingNew, S::Contingent),
            ("accepted_for_bidding", S::Working, S::Working, S::Contingent),
            ("stopped", S::Working, S::Working, S::Contingent),
            ("held", S::Contingent, S::Held, S::Contingent),
            ("partially_filled", S::PartiallyFilled, S::PartiallyFilled, S::PartiallyFilled),
            ("pending_replace", S::PendingReplace, S::PendingReplace, S::PendingReplace),
            ("pending_cancel", S::PendingCancel, S::PendingCancel, S::PendingCancel),
            ("done_for_day", S::Inactive, S::Inactive, S::Inactive),
            ("suspended", S::Inactive, S::Inactive, S::Inactive),
            ("calculated", S::Inactive, S::Inactive, S::Inactive),
            ("filled", S::Filled, S::Filled, S::Filled),
            ("canceled", S::Canceled, S::Canceled, S::Canceled),
            ("rejected", S::Rejected, S::Rejected, S::Rejected),
            ("expired", S::Expired, S::Expired, S::Expired),
            ("replaced", S::Replaced, S::Replaced, S::Replaced),
            ("from_the_future", S::Unknown, S::Unknown, S::Unknown),
        ] {
            let found = [Place::Top, Place::Sibling, Place::Waiting].map(|p| order_state(word, p));
            assert_eq!(found, [top, sibling, waiting], "{word}");
        }
    }

    #[test]
    fn times_in_force_read_back() {
        for word in ["day", "gtc", "ioc", "fok", "opg", "cls"] {
            assert_eq!(tif_word(tif(word)), Some(word));
        }
        assert_eq!(
            (tif("gtx"), tif_word(Tif::Gtd), tif_word(Tif::Other)),
            (Tif::Other, None, None)
        );
    }
}
