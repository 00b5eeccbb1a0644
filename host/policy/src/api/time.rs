//! Moments: the event's own time, and what is reckoned with it.
//!
//! Apart because a run has no clock: `now()` is the moment of the event, the same when it is
//! replayed.

use rhai::Engine;

use super::Toolkit;
use crate::data::{ScriptTime, Span, moment_text};
use crate::failure::{ScriptResult, script_error};
use crate::frame;

pub(super) fn register(kit: &mut Toolkit<'_>) {
    kit.kind::<ScriptTime>("Time");
    kit.function(
        "now() -> Time",
        "The moment of the event. `later - earlier` is a length of time; `now() + hours(2)` a moment.",
        || frame::with(|frame| Ok(ScriptTime(frame.run.now))),
    );
    kit.method(
        "Time",
        "since(earlier: Time) -> Duration",
        "Time from the earlier moment to this one; an error where it is later.",
        |later: &mut ScriptTime, earlier: ScriptTime| between(*later, earlier),
    );
    kit.overload("to_string", |time: &mut ScriptTime| moment_text(time.0));
    kit.overload("to_debug", |time: &mut ScriptTime| moment_text(time.0));
    arithmetic(kit.engine());
}

fn arithmetic(engine: &mut Engine) {
    engine.register_fn("-", between);
    engine.register_fn("+", |time: ScriptTime, span: Span| ScriptTime(time.0.plus_ms(span.0)));
    engine.register_fn("-", |time: ScriptTime, span: Span| -> ScriptResult<ScriptTime> {
        let us = i64::try_from(span.0).ok().and_then(|ms| ms.checked_mul(1_000));
        let at = us.and_then(|us| time.0.0.checked_sub(us));
        let at = at.ok_or_else(|| script_error("that is before any moment"))?;
        Ok(ScriptTime(bracketd_core::time::Timestamp(at)))
    });
    engine.register_fn("+", |a: Span, b: Span| Span(a.0.saturating_add(b.0)));
}

fn between(later: ScriptTime, earlier: ScriptTime) -> ScriptResult<Span> {
    if earlier > later {
        let (later, earlier) = (moment_text(later.0), moment_text(earlier.0));
        return Err(script_error(format!("{earlier} is after {later}; a length of time is none")));
    }
    Ok(Span(later.0.ms_since(earlier.0)))
}
