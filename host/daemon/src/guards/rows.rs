//! One row for each limit of an account.
//!
//! Apart because the list must be whole: a guard that is missing here would be believed to be on.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::book::AccountRules;
use bracketd_core::control::KillLevel;
use bracketd_core::guard::{Guard, OutsideSession};
use bracketd_core::ids::Symbol;
use bracketd_core::refusal::Refusal;
use serde::Serialize;

use super::WIRE;
use crate::config::units::show_ms;
use crate::run::ArmedBy;
use crate::view::decimal;

/// The keys that a file names for an account.
pub type Written = BTreeSet<&'static str>;
/// How often each code was told since the start.
pub type Counts = BTreeMap<String, u64>;

/// One limit, as it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// `G1` to `G19`.
    pub guard: &'static str,
    /// What the guard is, in a few words.
    pub name: &'static str,
    /// The key of the configuration; a dash where there is none to set.
    pub key: String,
    /// The value that holds.
    pub value: String,
    /// `config`, `default`, `always` for what cannot be set; of arming who decided it.
    pub from: &'static str,
    /// Whether it can stop something.
    pub on: bool,
    /// The codes by which it says no.
    pub codes: Vec<&'static str>,
    /// How often it did since the start of the daemon; none without a daemon.
    pub refused: Option<u64>,
}

/// What only a running daemon knows of an account.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// How often each code was told since the start.
    pub refused: Counts,
    /// Whether commands go out.
    pub armed: Option<bool>,
    /// Whose decision that is.
    pub armed_by: ArmedBy,
    /// The kill switch that holds.
    pub kill: KillLevel,
}

struct Rows<'a> {
    written: &'a Written,
    standing: Option<&'a Standing>,
    all: Vec<Row>,
}

/// Every limit of the account by guard. Without a daemon, how often each said no is not known.
pub fn rows(rules: &AccountRules, written: &Written, standing: Option<&Standing>) -> Vec<Row> {
    let mut r = Rows { written, standing, all: Vec::new() };
    r.sizes(rules);
    r.set(Guard::G2, "collar", format!("{}%", rules.collar_percent), true, &[Refusal::Collar]);
    let exposure = rules.guards.max_exposure.map(decimal);
    r.limit(Guard::G3, "max_exposure", exposure, &[Refusal::MaxExposure]);
    r.push(Guard::G3, "-", "exits never exceed what is held".to_owned(), "always", true, &[WIRE]);
    let window = rules.guards.duplicate_window_ms;
    r.set(Guard::G4, "duplicate_window", show_ms(window), window > 0, &[Refusal::Duplicate]);
    r.always(Guard::G5, "what protects goes first", &[]);
    let moves = rules.guards.stop_moves_per_minute.to_string();
    r.set(Guard::G6, "stop_moves_per_minute", moves, true, &[Refusal::TooOften]);
    let step = rules.guards.min_step.map(|step| step.to_string());
    r.limit(Guard::G6, "min_step", step, &[]);
    r.ratchet(rules);
    r.kill_switch(rules);
    r.always(Guard::G9, "where the account has such a rule", &[Refusal::WashTrade]);
    r.always(Guard::G10, "exits rest at the broker", &[]);
    r.lists(rules);
    r.always(Guard::G12, "token; assigned policies only", &[Refusal::NotOwner]);
    r.arming(rules);
    r.always(Guard::G14, "fired at each start", &[]);
    let loss = rules.guards.max_loss_per_trade.map(decimal);
    r.limit(Guard::G15, "max_loss_per_trade", loss, &[Refusal::MaxLoss]);
    let near = rules.guards.min_distance.map(|near| near.to_string());
    r.limit(Guard::G16, "min_distance", near, &[Refusal::TooClose]);
    let age = show_ms(rules.quote_age_ms_max);
    r.set(Guard::G17, "stale_price", age, true, &[Refusal::StalePrice]);
    r.always(Guard::G17, "a crossed book is no price", &[Refusal::NoReferencePrice]);
    r.always(Guard::G18, "policies wait for look-ups", &[Refusal::Unsettled]);
    let closes = rules.guards.max_closes_per_minute.to_string();
    r.set(Guard::G19, "max_closes_per_minute", closes, true, &[Refusal::TooManyCloses]);
    r.all
}

impl Rows<'_> {
    fn sizes(&mut self, rules: &AccountRules) {
        let guards = &rules.guards;
        let quantity = guards.max_order.quantity.map(|max| max.to_string());
        self.limit(Guard::G1, "max_order_quantity", quantity, &[Refusal::MaxQuantity]);
        let notional = guards.max_order.notional.map(decimal);
        self.limit(Guard::G1, "max_order_notional", notional, &[Refusal::MaxNotional]);
        for (symbol, own) in &guards.max_order_by_symbol {
            let quantity = own.quantity.map(|max| ("max_order_quantity", max.to_string()));
            let notional = own.notional.map(|max| ("max_order_notional", decimal(max)));
            for (key, value) in quantity.into_iter().chain(notional) {
                // Their refusals are counted once, in the rows for all symbols.
                let key = format!("symbol.{symbol}.{key}");
                self.push(Guard::G1, &key, value, "config", true, &[]);
            }
        }
    }

    fn ratchet(&mut self, rules: &AccountRules) {
        let (stop, target) = (rules.stop_may_loosen, rules.guards.target_may_recede);
        let stop_row = (stop.to_string(), !stop);
        self.set(Guard::G7, "stop_may_loosen", stop_row.0, stop_row.1, &[Refusal::Loosens]);
        self.set(Guard::G7, "target_may_recede", target.to_string(), !target, &[Refusal::Recedes]);
        let verbs = "the list of each [policy.NAME]".to_owned();
        self.push(Guard::G7, "verbs", verbs, "always", true, &[Refusal::VerbNotAllowed.code()]);
    }

    fn kill_switch(&mut self, rules: &AccountRules) {
        let killed = &[Refusal::Killed.code()];
        let level = self.standing.map_or("off to flatten", |standing| standing.kill.as_str());
        self.push(Guard::G8, "-", format!("level {level}"), "always", true, killed);
        self.limit(Guard::G8, "max_day_loss", rules.max_day_loss.map(decimal), &[]);
        let drawdown = rules.max_drawdown_percent.map(|percent| format!("{percent}%"));
        self.limit(Guard::G8, "max_drawdown", drawdown, &[]);
    }

    fn arming(&mut self, rules: &AccountRules) {
        let is_armed = self.standing.and_then(|standing| standing.armed).unwrap_or(rules.armed);
        let value = if is_armed { "commands go out" } else { "no command goes out" }.to_owned();
        let codes = [Refusal::Disarmed];
        // Whichever way it stands, it holds.
        match self.standing.map(|standing| standing.armed_by).unwrap_or_default() {
            ArmedBy::Config => self.set(Guard::G13, "armed", value, true, &codes),
            by => {
                let codes = codes.map(Refusal::code);
                self.push(Guard::G13, "armed", value, by.as_str(), true, &codes);
            }
        }
    }

    fn lists(&mut self, rules: &AccountRules) {
        let names = |set: &BTreeSet<Symbol>| {
            set.iter().map(|symbol| symbol.as_str()).collect::<Vec<_>>().join(", ")
        };
        let guards = &rules.guards;
        let allowed = guards.symbols_allowed.as_ref().map(names);
        self.limit(Guard::G11, "symbols_allowed", allowed, &[Refusal::Restricted]);
        let denied = (!guards.symbols_denied.is_empty()).then(|| names(&guards.symbols_denied));
        self.limit(Guard::G11, "symbols_denied", denied, &[Refusal::Restricted]);
        let (word, refuses) = match guards.outside_session {
            OutsideSession::Refuse => ("refuse", true),
            OutsideSession::Allow => ("allow", false),
        };
        let codes = &[Refusal::SessionClosed];
        self.set(Guard::G11, "outside_session", word.to_owned(), refuses, codes);
    }

    /// A limit that is off unless it is set.
    fn limit(&mut self, guard: Guard, key: &str, value: Option<String>, codes: &[Refusal]) {
        let on = value.is_some();
        self.set(guard, key, value.unwrap_or_else(|| "off".to_owned()), on, codes);
    }

    /// A value that the configuration can set.
    fn set(&mut self, guard: Guard, key: &str, value: String, on: bool, codes: &[Refusal]) {
        let from = if self.written.contains(key) { "config" } else { "default" };
        let codes: Vec<&'static str> = codes.iter().map(|refusal| refusal.code()).collect();
        self.push(guard, key, value, from, on, &codes);
    }

    /// What cannot be switched off.
    fn always(&mut self, guard: Guard, value: &str, codes: &[Refusal]) {
        let codes: Vec<&'static str> = codes.iter().map(|refusal| refusal.code()).collect();
        self.push(guard, "-", value.to_owned(), "always", true, &codes);
    }

    fn push(
        &mut self,
        guard: Guard,
        key: &str,
        value: String,
        from: &'static str,
        on: bool,
        codes: &[&'static str],
    ) {
        let count =
            |standing: &Standing| codes.iter().filter_map(|code| standing.refused.get(*code)).sum();
        let refused = self.standing.filter(|_| !codes.is_empty()).map(count);
        let (guard, name, codes) = (guard.id(), guard.name(), codes.to_vec());
        self.all.push(Row { guard, name, key: key.to_owned(), value, from, on, codes, refused });
    }
}
