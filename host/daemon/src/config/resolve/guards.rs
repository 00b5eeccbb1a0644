//! What `[account.guards]` means: amounts, distances, and which keys were written at all.
//!
//! Apart from the other keys because each of these is a limit: one that cannot be read must never
//! become "no limit", so its complaint keeps the whole file from being taken.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::Decimal;
use bracketd_core::guard::{Distance, GuardRules, OrderLimits, OutsideSession};
use bracketd_core::ids::Symbol;
use bracketd_core::money::Quantity;

use super::Resolver;
use crate::config::file::{AccountTable, At};
use crate::config::guards::{GuardsTable, OutsideSessionWord};
use crate::config::load::Complaint;
use crate::config::units::{amount, distance};

/// More units in one order are no limit but a mistake.
const UNITS_MAX: i64 = 1_000_000_000;
/// Longest window in which an equal entry is refused.
const WINDOW_MS_MAX: u64 = 60_000;
/// Most stop moves a minute: ten a second.
const MOVES_MAX: u32 = 600;
/// Most closes a minute.
const CLOSES_MAX: u32 = 1_000;

impl Resolver<'_> {
    pub(super) fn guards(&mut self, table: &GuardsTable) -> GuardRules {
        let default = GuardRules::default();
        let by_symbol = table.symbol.iter().map(|(name, own)| {
            let quantity = self.units(own.max_order_quantity.as_ref());
            let notional = self.money("max_order_notional", own.max_order_notional.as_ref());
            (Symbol::new(name), OrderLimits { quantity, notional })
        });
        let max_order_by_symbol: BTreeMap<Symbol, OrderLimits> = by_symbol.collect();
        GuardRules {
            max_order: OrderLimits {
                quantity: self.units(table.max_order_quantity.as_ref()),
                notional: self.money("max_order_notional", table.max_order_notional.as_ref()),
            },
            max_order_by_symbol,
            max_exposure: self.money("max_exposure", table.max_exposure.as_ref()),
            duplicate_window_ms: self.span(
                "duplicate_window",
                table.duplicate_window.as_ref(),
                default.duplicate_window_ms,
                (0, WINDOW_MS_MAX),
            ),
            stop_moves_per_minute: self.count(
                "stop_moves_per_minute",
                table.stop_moves_per_minute.as_ref(),
                (default.stop_moves_per_minute, MOVES_MAX),
            ),
            min_step: self.distance("min_step", table.min_step.as_ref()),
            target_may_recede: table.target_may_recede.unwrap_or(default.target_may_recede),
            symbols_allowed: self.allowed(table),
            symbols_denied: symbols(&table.symbols_denied),
            outside_session: match table.outside_session {
                None | Some(OutsideSessionWord::Refuse) => OutsideSession::Refuse,
                Some(OutsideSessionWord::Allow) => OutsideSession::Allow,
            },
            max_loss_per_trade: self.money("max_loss_per_trade", table.max_loss_per_trade.as_ref()),
            min_distance: self.distance("min_distance", table.min_distance.as_ref()),
            max_closes_per_minute: self.count(
                "max_closes_per_minute",
                table.max_closes_per_minute.as_ref(),
                (default.max_closes_per_minute, CLOSES_MAX),
            ),
        }
    }

    fn money(&mut self, key: &str, written: Option<&At<String>>) -> Option<Decimal> {
        let written = written?;
        match amount(written.get()) {
            Ok(value) => Some(value),
            Err(help) => self.not_read(key, "an amount", written, help),
        }
    }

    fn units(&mut self, written: Option<&At<String>>) -> Option<Quantity> {
        let written = written?;
        let value = self.money("max_order_quantity", Some(written))?;
        if value > Decimal::from(UNITS_MAX) {
            let message = format!("`max_order_quantity` must be at most {UNITS_MAX}");
            let place = written.span();
            self.complain(Complaint::new("C005", message, place, "limits nothing"));
        }
        Quantity::new(value)
    }

    fn distance(&mut self, key: &str, written: Option<&At<String>>) -> Option<Distance> {
        let written = written?;
        match distance(written.get()) {
            Ok(value) => Some(value),
            Err(help) => self.not_read(key, "a distance", written, help),
        }
    }

    fn not_read<T>(
        &mut self,
        key: &str,
        what: &str,
        written: &At<String>,
        help: String,
    ) -> Option<T> {
        let message = format!("`{key}` is not {what}");
        self.complain(Complaint::new("C005", message, written.span(), "cannot be read").help(help));
        None
    }

    fn count(&mut self, key: &str, written: Option<&At<u32>>, (default, max): (u32, u32)) -> u32 {
        let Some(written) = written else { return default };
        if !(1..=max).contains(written.get()) {
            let message = format!("`{key}` must be between 1 and {max}");
            self.complain(
                Complaint::new("C005", message, written.span(), "out of range")
                    .help(format!("left out, it is {default}")),
            );
        }
        *written.get()
    }

    fn allowed(&mut self, table: &GuardsTable) -> Option<BTreeSet<Symbol>> {
        let written = table.symbols_allowed.as_ref()?;
        let is_denied = |one: &&At<String>| {
            table.symbols_denied.iter().any(|denied| denied.get().eq_ignore_ascii_case(one.get()))
        };
        for both in written.iter().filter(is_denied) {
            let message = format!("`{}` is allowed and denied", both.get());
            let complaint = Complaint::new("C006", message, both.span(), "denied below");
            self.complain(complaint.help("denied wins; take it out of one of the two lists"));
        }
        Some(symbols(written))
    }

    /// An empty list would allow nothing, which nobody means who writes it.
    pub(super) fn empty_list(&mut self, table: &AccountTable) {
        if table.guards.symbols_allowed.as_ref().is_some_and(Vec::is_empty) {
            let message = "`symbols_allowed` is empty, so nothing could be opened";
            let complaint = Complaint::new("C005", message, table.name.span(), "of this account");
            self.complain(complaint.help("leave it out to allow every symbol"));
        }
    }
}

fn symbols(written: &[At<String>]) -> BTreeSet<Symbol> {
    written.iter().map(|symbol| Symbol::new(symbol.get())).collect()
}

/// The keys of guards that the file names for an account, as `guard show` tells where a value is
/// from.
pub(super) fn written(table: &AccountTable) -> BTreeSet<&'static str> {
    let guards = &table.guards;
    let keys = [
        ("collar", table.collar.is_some()),
        ("stale_price", table.stale_price.is_some()),
        ("stop_may_loosen", table.stop_may_loosen.is_some()),
        ("armed", table.armed.is_some()),
        ("max_day_loss", table.max_day_loss.is_some()),
        ("max_drawdown", table.max_drawdown.is_some()),
        ("max_order_quantity", guards.max_order_quantity.is_some()),
        ("max_order_notional", guards.max_order_notional.is_some()),
        ("max_exposure", guards.max_exposure.is_some()),
        ("duplicate_window", guards.duplicate_window.is_some()),
        ("stop_moves_per_minute", guards.stop_moves_per_minute.is_some()),
        ("min_step", guards.min_step.is_some()),
        ("target_may_recede", guards.target_may_recede.is_some()),
        ("symbols_allowed", guards.symbols_allowed.is_some()),
        ("symbols_denied", !guards.symbols_denied.is_empty()),
        ("outside_session", guards.outside_session.is_some()),
        ("max_loss_per_trade", guards.max_loss_per_trade.is_some()),
        ("min_distance", guards.min_distance.is_some()),
        ("max_closes_per_minute", guards.max_closes_per_minute.is_some()),
    ];
    keys.into_iter().filter(|(_, is_written)| *is_written).map(|(key, _)| key).collect()
}
