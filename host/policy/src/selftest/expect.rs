//! What a test expects, and the words when it is otherwise.
//!
//! Apart because every failure names what was expected and what there was.

use bracketd_core::Decimal;
use bracketd_core::money::Price;
use bracketd_core::order::Leg;
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Position};

use super::fixture::{Handle, need};
use crate::data::text;
use crate::failure::{ScriptResult, script_error};

pub(super) fn register(engine: &mut Engine) {
    prices(engine);
    states(engine);
    words(engine);
    engine.register_fn("assert", |holds: bool, what: ImmutableString| {
        if holds { Ok(()) } else { Err(script_error(format!("not so: {what}"))) }
    });
}

fn prices(engine: &mut Engine) {
    let leg_is = |leg: Leg| {
        move |world: &mut Handle, expected: Dynamic| {
            let actual = world.lock().tx.desired.leg(leg);
            let expected = need(&expected)?;
            same(leg.as_str(), Some(expected), actual.map(Price::get))
        }
    };
    engine.register_fn("expect_stop", leg_is(Leg::Stop));
    engine.register_fn("expect_target", leg_is(Leg::Target));
    let leg_is_not = |leg: Leg| {
        move |world: &mut Handle| {
            same(leg.as_str(), None, world.lock().tx.desired.leg(leg).map(Price::get))
        }
    };
    engine.register_fn("expect_no_stop", leg_is_not(Leg::Stop));
    engine.register_fn("expect_no_target", leg_is_not(Leg::Target));
    engine.register_fn("expect_qty", |world: &mut Handle, expected: Dynamic| {
        let actual = world.lock().tx.held().get();
        same("quantity held", Some(need(&expected)?), Some(actual))
    });
}

fn states(engine: &mut Engine) {
    engine.register_fn("expect_status", |world: &mut Handle, expected: ImmutableString| {
        let actual = world.lock().tx.status.as_str();
        if actual == expected.as_str() { Ok(()) } else { other("status", &expected, actual) }
    });
    engine.register_fn("expect_open", |world: &mut Handle| {
        let actual = world.lock().tx.status.as_str();
        if actual == "OPENED" { Ok(()) } else { other("status", "OPENED", actual) }
    });
    engine.register_fn("expect_closed", |world: &mut Handle, reason: ImmutableString| {
        let world = world.lock();
        let actual = match &world.tx.close_reason {
            Some(reason) => reason.as_str(),
            None => world.tx.status.as_str(),
        };
        if actual == reason.as_str() { Ok(()) } else { other("closed by", &reason, actual) }
    });
    engine.register_fn(
        "expect_kept",
        |world: &mut Handle, key: ImmutableString, value: Dynamic| {
            let kept = crate::state::read(&world.lock().state).map_err(script_error)?;
            let actual = kept
                .as_ref()
                .and_then(|kept| kept.map.get(key.as_str()))
                .map_or("nothing".to_owned(), text);
            let expected = text(&value);
            if actual == expected {
                Ok(())
            } else {
                other(&format!("this.{key}"), &expected, &actual)
            }
        },
    );
}

fn words(engine: &mut Engine) {
    engine.register_fn("expect_skipped", |world: &mut Handle| match &world.lock().skipped {
        Some(_) => Ok(()),
        None => other("the last run", "skipped", "done"),
    });
    engine.register_fn("expect_refused", |world: &mut Handle, code: ImmutableString| {
        let refused = world.lock().refused.clone();
        if refused.iter().any(|refusal| refusal == code.as_str()) {
            return Ok(());
        }
        other("refusal in the last run", &code, &list(&refused))
    });
    engine.register_fn("expect_nothing_refused", |world: &mut Handle| {
        let refused = world.lock().refused.clone();
        if refused.is_empty() { Ok(()) } else { other("refusals", "none", &list(&refused)) }
    });
    engine.register_fn("expect_asked", |world: &mut Handle, verb: ImmutableString, times: i64| {
        let asked = world.lock().accepted.iter().filter(|v| **v == verb.as_str()).count();
        let (expected, actual) = (Decimal::from(times), Decimal::from(asked));
        same(&format!("accepted {verb}"), Some(expected), Some(actual))
    });
    engine.register_fn("expect_alert", |world: &mut Handle, part: ImmutableString| {
        let alerts = world.lock().alerts.clone();
        if alerts.iter().any(|alert| alert.contains(part.as_str())) {
            return Ok(());
        }
        other("an alert with", &part, &list(&alerts))
    });
}

fn same(what: &str, expected: Option<Decimal>, actual: Option<Decimal>) -> ScriptResult<()> {
    if expected == actual {
        return Ok(());
    }
    let text = |value: Option<Decimal>| match value {
        Some(value) => value.normalize().to_string(),
        None => "none".to_owned(),
    };
    other(what, &text(expected), &text(actual))
}

/// A comparison that failed, as the value that the error carries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected}, but it is {actual}")]
pub(super) struct Mismatch {
    pub(super) what: String,
    pub(super) expected: String,
    pub(super) actual: String,
}

impl Mismatch {
    /// The comparison that ended with this error.
    pub(super) fn of(error: &EvalAltResult) -> Option<Self> {
        match error {
            EvalAltResult::ErrorRuntime(value, _) => value.read_lock::<Self>().map(|m| m.clone()),
            _ => None,
        }
    }
}

pub(super) fn other(what: &str, expected: &str, actual: &str) -> ScriptResult<()> {
    let (what, expected, actual) = (what.to_owned(), expected.to_owned(), actual.to_owned());
    let mismatch = Dynamic::from(Mismatch { what, expected, actual });
    Err(EvalAltResult::ErrorRuntime(mismatch, Position::NONE).into())
}

fn list(texts: &[String]) -> String {
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}
