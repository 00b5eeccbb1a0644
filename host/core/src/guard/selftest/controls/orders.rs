//! What may be opened and how much leaves: G1, G3, G4, G11, G13, G15, and the order that has to pass.
//!
//! Apart because these are tried with orders.

use super::super::trial::{MARKET, SYMBOL, Trial, cents};
use super::{Control, Keep, above, given, on, row};
use crate::Decimal;
use crate::book::AccountRules;
use crate::broker::{BrokerEvent, Session};
use crate::command::{Command, NewOrder, OpKind};
use crate::guard::{Guard, GuardRules, OrderLimits, OutsideSession, wire};
use crate::ids::TransactionId;
use crate::intent::{Intent, Open};
use crate::money::Quantity;
use crate::order::{OrderKind, TimeInForce};
use crate::plan::command;
use crate::transaction::EntryKind;

pub(super) fn sizes(rules: &AccountRules) -> Vec<Control> {
    let mut all = Vec::new();
    let own = rules.guards.max_order_by_symbol.keys().map(|symbol| symbol.as_str());
    for symbol in std::iter::once(SYMBOL).chain(own) {
        let symbol = symbol.to_owned();
        let limits = rules.guards.order_limits(&symbol.as_str().into());
        let keep: Keep = |from, to| {
            to.guards.max_order = from.guards.max_order;
            to.guards.max_order_by_symbol.clone_from(&from.guards.max_order_by_symbol);
        };
        let of =
            if symbol == SYMBOL { "an order".to_owned() } else { format!("{symbol}: an order") };
        let open = |symbol: String, quantity: Decimal| {
            move |trial: &mut Trial| {
                trial.trade(&symbol);
                let wish = trial.wish(quantity);
                trial.person(Intent::Open(Box::new(wish)))
            }
        };
        let key = (Guard::G1, "no max_order_quantity", "MAX_QUANTITY");
        all.push(given(limits.quantity, key, |max| {
            let quantity = max.get().saturating_add(Decimal::ONE);
            let says = format!("{of} of {quantity} units, at most {max}");
            on(Guard::G1, says, "MAX_QUANTITY", keep, open(symbol.clone(), quantity))
        }));
        let key = (Guard::G1, "no max_order_notional", "MAX_NOTIONAL");
        all.push(given(limits.notional, key, |max| {
            let quantity = above(max, MARKET);
            let says = format!("{of} of {}, at most {max}", quantity * Decimal::from(MARKET));
            // So much money may be more units than one order may have.
            let keep: Keep = |from, to| {
                to.guards.max_order.notional = from.guards.max_order.notional;
                let all = from.guards.max_order_by_symbol.iter();
                to.guards.max_order_by_symbol = all
                    .map(|(symbol, limits)| {
                        let notional = limits.notional;
                        (symbol.clone(), OrderLimits { quantity: None, notional })
                    })
                    .collect();
            };
            on(Guard::G1, says, "MAX_NOTIONAL", keep, open(symbol.clone(), quantity))
        }));
    }
    all
}

pub(super) fn exposure(rules: &AccountRules) -> Vec<Control> {
    let key = (Guard::G3, "no max_exposure", "MAX_EXPOSURE");
    let sum = given(rules.guards.max_exposure, key, |max| {
        let quantity = above(max, MARKET);
        let says = format!("{} in one account, at most {max}", quantity * Decimal::from(MARKET));
        on(
            Guard::G3,
            says,
            "MAX_EXPOSURE",
            |from, to| to.guards.max_exposure = from.guards.max_exposure,
            move |trial| {
                let wish = trial.wish(quantity);
                trial.person(Intent::Open(Box::new(wish)))
            },
        )
    });
    let oversell = on(
        Guard::G3,
        "a command that sells 11 where 10 are held",
        "DROPPED",
        |_, _| {},
        |trial| {
            let id = trial.opened();
            match oversold(trial, id) {
                Some(_) => ("DROPPED".to_owned(), false),
                None => ("SENT".to_owned(), true),
            }
        },
    );
    vec![sum, oversell]
}

/// Why a close of more than is held is not let out.
fn oversold(trial: &mut Trial, id: TransactionId) -> Option<String> {
    let symbol = trial.symbol();
    let tx = trial.transaction(id)?;
    let order = NewOrder {
        symbol,
        side: tx.direction.exit_side(),
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Day,
        quantity: tx.held().plus(Quantity::new(Decimal::ONE)?),
        limit: None,
        trigger: None,
        take_profit: None,
        stop_loss: None,
        reduce_only: true,
    };
    let op = row(tx.desired.version, tx.created_at, OpKind::Close(order));
    let command: Command = command(tx, &op, false, TimeInForce::Gtc, Decimal::ONE);
    wire::violation(tx, &op, &command)
}

pub(super) fn duplicate(guards: &GuardRules) -> Control {
    let window = guards.duplicate_window_ms;
    given(
        (window > 0).then_some(window),
        (Guard::G4, "duplicate_window = \"0s\"", "DUPLICATE"),
        |window| {
            on(
                Guard::G4,
                format!("the same entry twice within {window} ms"),
                "DUPLICATE",
                |from, to| to.guards.duplicate_window_ms = from.guards.duplicate_window_ms,
                |trial| {
                    trial.waiting();
                    let again = trial.bracketed(Decimal::TEN);
                    trial.person(Intent::Open(Box::new(again)))
                },
            )
        },
    )
}

pub(super) fn restricted(guards: &GuardRules) -> Vec<Control> {
    let keep: Keep = |from, to| {
        to.guards.symbols_allowed.clone_from(&from.guards.symbols_allowed);
        to.guards.symbols_denied.clone_from(&from.guards.symbols_denied);
    };
    let unlisted = || guards.symbols_allowed.as_ref().map(|_| SYMBOL.to_owned());
    let denied = guards.symbols_denied.first().map(ToString::to_string);
    let key = (Guard::G11, "neither symbols_allowed nor symbols_denied", "RESTRICTED");
    let list = given(denied.or_else(unlisted), key, |symbol| {
        let says = format!("an entry in {symbol}, which the lists do not allow");
        on(Guard::G11, says, "RESTRICTED", keep, move |trial| {
            trial.trade(&symbol);
            let wish = trial.wish(Decimal::TEN);
            trial.person(Intent::Open(Box::new(wish)))
        })
    });
    let refuses = (guards.outside_session == OutsideSession::Refuse).then_some(());
    let key = (Guard::G11, "outside_session = \"allow\"", "SESSION_CLOSED");
    let session = given(refuses, key, |()| {
        on(
            Guard::G11,
            "a market entry while the session is closed",
            "SESSION_CLOSED",
            |from, to| to.guards.outside_session = from.guards.outside_session,
            |trial| {
                let session = Session { is_open: false, next_open: None, next_close: None };
                let symbol = trial.symbol();
                trial.tell(BrokerEvent::Session { symbol, session });
                let wish = Open { entry: EntryKind::Market, ..trial.wish(Decimal::TEN) };
                trial.person(Intent::Open(Box::new(wish)))
            },
        )
    });
    vec![list, session]
}

pub(super) fn loss(guards: &GuardRules) -> Control {
    /// From the limit at 100 down to a stop at 60.
    const PER_UNIT: i64 = 40;
    given(guards.max_loss_per_trade, (Guard::G15, "no max_loss_per_trade", "MAX_LOSS"), |max| {
        let quantity = above(max, PER_UNIT);
        let says =
            format!("{} lost at the stop, at most {max}", quantity * Decimal::from(PER_UNIT));
        on(
            Guard::G15,
            says,
            "MAX_LOSS",
            |from, to| to.guards.max_loss_per_trade = from.guards.max_loss_per_trade,
            move |trial| {
                let stop = cents((MARKET - PER_UNIT) * 100);
                let wish = Open { stop, ..trial.wish(quantity) };
                trial.person(Intent::Open(Box::new(wish)))
            },
        )
    })
}

/// What tells a gate that says no from one that is shut.
pub(super) fn within_limits() -> Control {
    on(
        Guard::G14,
        "an order within every limit, which has to pass",
        "STAGED",
        |_, _| {},
        |trial| {
            let wish = trial.bracketed(Decimal::ONE);
            trial.person(Intent::Open(Box::new(wish)))
        },
    )
}

pub(super) fn disarmed() -> Control {
    on(
        Guard::G13,
        "an entry while the account is disarmed",
        "DISARMED",
        |_, _| {},
        |trial| {
            trial.disarm();
            let wish = trial.bracketed(Decimal::TEN);
            let (code, passes) = trial.person(Intent::Open(Box::new(wish)));
            (code, passes || trial.sent() > 0)
        },
    )
}
