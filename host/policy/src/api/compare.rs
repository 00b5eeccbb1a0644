//! Comparing: prices with prices, lengths of time with each other, and an error for all else.
//!
//! Apart because Rhai answers `false` when two types do not compare, and a stop that never moves
//! because of that looks like a quiet market.

use rhai::{Array, Engine, ImmutableString, Map};
use rust_decimal::Decimal;

use crate::data::{ScriptPrice, ScriptTime, Span};
use crate::failure::{ScriptResult, script_error};

macro_rules! ordered {
    ($engine:ident, $type:ty) => {
        $engine
            .register_fn("==", |a: $type, b: $type| a == b)
            .register_fn("!=", |a: $type, b: $type| a != b)
            .register_fn("<", |a: $type, b: $type| a < b)
            .register_fn("<=", |a: $type, b: $type| a <= b)
            .register_fn(">", |a: $type, b: $type| a > b)
            .register_fn(">=", |a: $type, b: $type| a >= b)
    };
}

macro_rules! apart {
    ($engine:ident, $a:ty, $($b:ty),+) => {
        $(
            for operator in ["==", "!=", "<", "<=", ">", ">="] {
                $engine.register_fn(operator, |_: $a, _: $b| -> ScriptResult<bool> {
                    refuse(<$a as Named>::NAME, <$b as Named>::NAME)
                });
                $engine.register_fn(operator, |_: $b, _: $a| -> ScriptResult<bool> {
                    refuse(<$b as Named>::NAME, <$a as Named>::NAME)
                });
            }
        )+
    };
}

/// A price is moved by a named unit; `price + 2` could mean money, percent, ticks or R.
macro_rules! no_arithmetic {
    ($engine:ident, $($b:ty),+) => {
        $(
            for operator in ["+", "-", "*", "/", "%"] {
                $engine.register_fn(operator, move |_: ScriptPrice, _: $b| -> ScriptResult<()> {
                    no_unit(operator, <ScriptPrice as Named>::NAME, <$b as Named>::NAME)
                });
                $engine.register_fn(operator, move |_: $b, _: ScriptPrice| -> ScriptResult<()> {
                    no_unit(operator, <$b as Named>::NAME, <ScriptPrice as Named>::NAME)
                });
            }
        )+
    };
}

trait Named {
    const NAME: &'static str;
}

macro_rules! named {
    ($($type:ty = $name:literal),+ $(,)?) => {
        $(impl Named for $type { const NAME: &'static str = $name; })+
    };
}

named! {
    ScriptPrice = "a price",
    Span = "a length of time",
    ScriptTime = "a moment",
    Decimal = "a number",
    i64 = "a whole number",
    bool = "a flag",
    () = "nothing",
    ImmutableString = "a text",
    char = "a letter",
    Array = "an array",
    Map = "a map",
}

pub(super) fn register(engine: &mut Engine) {
    ordered!(engine, ScriptPrice);
    ordered!(engine, Span);
    ordered!(engine, ScriptTime);
    apart!(engine, ScriptPrice, Span, ScriptTime, Decimal, i64, bool, ());
    apart!(engine, ScriptPrice, ImmutableString, char, Array, Map);
    apart!(engine, ScriptTime, Span, Decimal, i64, bool, (), ImmutableString, char, Array, Map);
    apart!(engine, Span, Decimal, i64, bool, (), ImmutableString, char, Array, Map);
    apart!(engine, Decimal, bool, (), ImmutableString, char, Array, Map);
    apart!(engine, i64, bool, (), ImmutableString, char, Array, Map);
    no_arithmetic!(engine, Decimal, i64, ScriptPrice);
}

fn no_unit(operator: &str, left: &str, right: &str) -> ScriptResult<()> {
    Err(script_error(format!(
        "{left} {operator} {right} has no unit; move a price with offset_pct, offset_ticks, \
         offset_atr, offset_r or offset_money, or use `.value`"
    )))
}

fn refuse(left: &str, right: &str) -> ScriptResult<bool> {
    let help = match (left, right) {
        ("a price", "a number" | "a whole number") | ("a number" | "a whole number", "a price") => {
            "; compare prices with prices, or use `.value`"
        }
        ("nothing", _) | (_, "nothing") => "; missing data is never (): ask `has_...` first",
        _ => "",
    };
    Err(script_error(format!("{left} does not compare with {right}{help}")))
}
