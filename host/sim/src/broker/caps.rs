//! What an account can do, by kind of broker.
//!
//! Apart because everything that differs between brokers stands in this one list; the rest of the
//! simulation asks it and never a broker's name.

use bracketd_core::instrument::{AccountInfo, Features};

/// How the exits of a position are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exits {
    /// They reserve what they would sell; a linked pair is one order with a leg (Alpaca).
    Reserved,
    /// They reserve nothing; the broker links a pair and shrinks the sibling (IBKR's OCA groups).
    Linked,
    /// They hang on the trade: die with it, shrink with it, change each by itself (OANDA).
    Attached,
    /// They reserve nothing and know nothing of each other (futures venues, reduce-only).
    Loose,
}

/// What becomes of an order whose price is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// Another order takes its place.
    NewId,
    /// It keeps its id.
    SameId,
    /// It cannot be changed.
    Never,
}

/// A kind of broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What people call it.
    pub name: &'static str,
    /// How exits are kept.
    pub exits: Exits,
    /// Whether two exits can be linked.
    pub oco: bool,
    /// Whether an entry can carry its exits.
    pub carries: bool,
    /// What a change of a price does.
    pub replace: Replace,
    /// Whether a client order id is refused when it was used before.
    pub unique_ids: bool,
    /// Lists and look-ups show what was so long ago, in milliseconds.
    pub lag_ms: u64,
}

impl Capabilities {
    /// As Alpaca.
    pub const ALPACA: Self = Self {
        name: "alpaca",
        exits: Exits::Reserved,
        oco: true,
        carries: true,
        replace: Replace::NewId,
        unique_ids: true,
        lag_ms: 0,
    };
    /// As Alpaca, without brackets and OTOs.
    pub const PLAIN: Self = Self { name: "plain", carries: false, ..Self::ALPACA };
    /// As Alpaca, but lists and look-ups come late.
    pub const LAGGING: Self = Self { name: "lagging", lag_ms: 1_500, ..Self::ALPACA };
    /// Orders keep their id when they change (IBKR).
    pub const IN_PLACE: Self = Self {
        name: "in-place",
        exits: Exits::Linked,
        carries: false,
        replace: Replace::SameId,
        ..Self::ALPACA
    };
    /// Exits hang on the trade (OANDA).
    pub const ATTACHED: Self =
        Self { name: "attached", exits: Exits::Attached, carries: false, ..Self::ALPACA };
    /// Nothing can be replaced: cancel, wait, send anew.
    pub const NO_REPLACE: Self =
        Self { name: "no-replace", replace: Replace::Never, carries: false, ..Self::ALPACA };
    /// Two exits, each by itself, that only ever reduce.
    pub const LOOSE: Self =
        Self { name: "loose", exits: Exits::Loose, oco: false, carries: false, ..Self::ALPACA };
    /// Nothing keeps an order from being sent twice.
    pub const NO_DEDUP: Self = Self { name: "no-dedup", unique_ids: false, ..Self::ALPACA };
    /// One exit at a time: it reserves, and no pair can be linked.
    pub const SINGLE: Self = Self { name: "single", oco: false, carries: false, ..Self::ALPACA };

    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::ALPACA,
        Self::PLAIN,
        Self::LAGGING,
        Self::IN_PLACE,
        Self::ATTACHED,
        Self::NO_REPLACE,
        Self::LOOSE,
        Self::NO_DEDUP,
        Self::SINGLE,
    ];

    /// Whether exits reserve what they would sell.
    pub fn reserves(self) -> bool {
        match self.exits {
            Exits::Reserved => true,
            Exits::Linked | Exits::Attached | Exits::Loose => false,
        }
    }

    /// What its plugin says of itself.
    pub fn info(self) -> AccountInfo {
        let mut features = vec![Features::CONCURRENT_WRITES];
        let mut says = |is_so: bool, feature| {
            if is_so {
                features.push(feature);
            }
        };
        says(self.oco, Features::NATIVE_OCO);
        says(self.carries, Features::NATIVE_BRACKET);
        says(self.carries, Features::NATIVE_OTO);
        says(self.replace != Replace::Never, Features::REPLACE_IN_PLACE);
        says(self.reserves(), Features::EXITS_RESERVE_QTY);
        says(!self.reserves(), Features::PROTECT_BESIDE_OPEN_ENTRY);
        says(self.unique_ids, Features::CLIENT_ID_UNIQUE_FOREVER);
        AccountInfo {
            name: self.name.to_owned(),
            version: "1".to_owned(),
            client_id_max: 48,
            client_id_chars: String::new(),
            features: Features::new(features.into_iter().map(str::to_owned)),
        }
    }
}
