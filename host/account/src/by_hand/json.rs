//! JSON for values of the ABI, both ways, by their types.
//!
//! Apart because it knows no export: what the WIT says is enough. A record `{hi, lo, scale}` is a
//! decimal and stands as text, as do 64-bit numbers: a reader that takes numbers for floats would
//! change them. A case without a value is its name, one with a value an object of one member.

use std::fmt::Display;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use wasmtime::component::types::{Case, Field, Variant};
use wasmtime::component::{Type, Val};

use crate::convert::decimal;

const DECIMAL: [&str; 3] = ["hi", "lo", "scale"];

/// A value as JSON; every text goes through `scrub`.
pub(super) fn of_val(value: &Val, scrub: &dyn Fn(&str) -> String) -> Value {
    let of = |value: &Val| of_val(value, scrub);
    match value {
        Val::Bool(value) => json!(value),
        Val::S8(value) => json!(value),
        Val::U8(value) => json!(value),
        Val::S16(value) => json!(value),
        Val::U16(value) => json!(value),
        Val::S32(value) => json!(value),
        Val::U32(value) => json!(value),
        Val::S64(value) => json!(value.to_string()),
        Val::U64(value) => json!(value.to_string()),
        Val::Float32(value) => json!(value),
        Val::Float64(value) => json!(value),
        Val::Char(value) => json!(value.to_string()),
        Val::String(value) => json!(scrub(value)),
        Val::Enum(value) => json!(value),
        Val::Flags(values) => json!(values),
        Val::List(values) | Val::Tuple(values) | Val::FixedLengthList(values) => {
            Value::Array(values.iter().map(of).collect())
        }
        Val::Record(fields) => match number(fields) {
            Some(text) => Value::String(text),
            None => fields.iter().map(|(name, value)| (name.clone(), of(value))).collect(),
        },
        Val::Variant(case, None) => json!(case),
        Val::Variant(case, Some(value)) => one(case, of(value)),
        Val::Option(value) => of_inner(value, scrub),
        Val::Result(Ok(value)) => one("ok", of_inner(value, scrub)),
        Val::Result(Err(value)) => one("err", of_inner(value, scrub)),
        _ => Value::Null,
    }
}

/// The value that may be inside another one.
pub(super) fn of_inner(value: &Option<Box<Val>>, scrub: &dyn Fn(&str) -> String) -> Value {
    value.as_deref().map_or(Value::Null, |value| of_val(value, scrub))
}

fn one(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

/// A decimal as text; one that is out of range, too, in its parts.
fn number(fields: &[(String, Val)]) -> Option<String> {
    let [(_, Val::S64(hi)), (_, Val::U64(lo)), (_, Val::U8(scale))] = fields else { return None };
    if fields.iter().map(|(name, _)| name.as_str()).ne(DECIMAL) {
        return None;
    }
    let coefficient = i128::from(*hi) << 64 | i128::from(*lo);
    let number = Decimal::try_from_i128_with_scale(coefficient, u32::from(*scale));
    Some(number.map_or_else(|_| format!("{coefficient}e-{scale}"), |number| number.to_string()))
}

/// The value of that type which the JSON means; what is missing is `null`: no value of an option,
/// an empty list.
pub(super) fn to_val(ty: &Type, value: &Value, at: &str) -> Result<Val, String> {
    let wrong = |wanted: &dyn Display| Err(format!("{at} is {}, not {wanted}", kind(value)));
    match ty {
        Type::Bool => value.as_bool().map_or_else(|| wrong(&"true or false"), |v| Ok(Val::Bool(v))),
        Type::U8 => whole(value, at).map(Val::U8),
        Type::S8 => whole(value, at).map(Val::S8),
        Type::U16 => whole(value, at).map(Val::U16),
        Type::S16 => whole(value, at).map(Val::S16),
        Type::U32 => whole(value, at).map(Val::U32),
        Type::S32 => whole(value, at).map(Val::S32),
        Type::U64 => whole(value, at).map(Val::U64),
        Type::S64 => whole(value, at).map(Val::S64),
        Type::String => {
            value.as_str().map_or_else(|| wrong(&"a text"), |v| Ok(Val::String(v.to_owned())))
        }
        Type::Option(option) => match value {
            Value::Null => Ok(Val::Option(None)),
            some => to_val(&option.ty(), some, at).map(|v| Val::Option(Some(Box::new(v)))),
        },
        Type::List(list) => match value {
            Value::Null => Ok(Val::List(Vec::new())),
            Value::Array(items) => {
                let item = |(n, item)| to_val(&list.ty(), item, &format!("{at}[{n}]"));
                items.iter().enumerate().map(item).collect::<Result<_, _>>().map(Val::List)
            }
            _ => wrong(&"a list"),
        },
        Type::Tuple(tuple) => match value.as_array() {
            Some(items) if items.len() == tuple.types().len() => {
                let both = tuple.types().zip(items).enumerate();
                both.map(|(n, (ty, item))| to_val(&ty, item, &format!("{at}[{n}]")))
                    .collect::<Result<_, _>>()
                    .map(Val::Tuple)
            }
            _ => wrong(&format!("a list of {}", tuple.types().len())),
        },
        Type::Enum(cases) => match value.as_str() {
            Some(word) if cases.names().any(|name| name == word) => Ok(Val::Enum(word.to_owned())),
            _ => wrong(&format!("one of {}", cases.names().collect::<Vec<_>>().join(", "))),
        },
        Type::Record(record) if record.fields().map(|f| f.name).eq(DECIMAL) => {
            to_decimal(value, at)
        }
        Type::Record(record) => {
            let Some(given) = value.as_object() else { return wrong(&"an object") };
            let unknown = given.keys().find(|key| !record.fields().any(|f| f.name == *key));
            if let Some(unknown) = unknown {
                let names: Vec<&str> = record.fields().map(|field| field.name).collect();
                return Err(format!("{at} has no {unknown}; it has {}", names.join(", ")));
            }
            let field = |f: Field<'_>| {
                let value = given.get(f.name).unwrap_or(&Value::Null);
                Ok((f.name.to_owned(), to_val(&f.ty, value, &format!("{at}.{}", f.name))?))
            };
            record.fields().map(field).collect::<Result<_, String>>().map(Val::Record)
        }
        Type::Variant(variant) => to_variant(variant, value, at),
        _ => wrong(&"of a type that can be written here"),
    }
}

fn to_variant(variant: &Variant, value: &Value, at: &str) -> Result<Val, String> {
    let (word, inner) = match value {
        Value::String(word) => (word.as_str(), None),
        Value::Object(object) if object.len() == 1 => match object.iter().next() {
            Some((word, inner)) => (word.as_str(), Some(inner)),
            None => ("", None),
        },
        _ => ("", None),
    };
    match (variant.cases().find(|case| case.name == word).map(|case| case.ty), inner) {
        (Some(None), None) => Ok(Val::Variant(word.to_owned(), None)),
        (Some(Some(ty)), Some(inner)) => to_val(&ty, inner, &format!("{at}.{word}"))
            .map(|v| Val::Variant(word.to_owned(), Some(Box::new(v)))),
        _ => Err(format!("{at} is {}, not one of {}", kind(value), cases(variant))),
    }
}

/// The cases in the form in which they are written.
fn cases(variant: &Variant) -> String {
    let show = |case: Case<'_>| match case.ty {
        None => format!("\"{}\"", case.name),
        Some(_) => format!("{{\"{}\": ...}}", case.name),
    };
    variant.cases().map(show).collect::<Vec<_>>().join(", ")
}

fn to_decimal(value: &Value, at: &str) -> Result<Val, String> {
    let number: Option<Decimal> = value.as_str().and_then(|text| text.parse().ok());
    let Some(number) = number else {
        return Err(format!("{at} is {}, not a decimal in quotes", kind(value)));
    };
    let told = decimal(number);
    let parts = [Val::S64(told.hi), Val::U64(told.lo), Val::U8(told.scale)];
    Ok(Val::Record(DECIMAL.map(str::to_owned).into_iter().zip(parts).collect()))
}

/// A whole number, or one in quotes.
fn whole<T: TryFrom<i128>>(value: &Value, at: &str) -> Result<T, String> {
    let number = match value {
        Value::String(text) => text.parse::<i128>().ok(),
        other => other.as_i64().map(i128::from).or_else(|| other.as_u64().map(i128::from)),
    };
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("{at} is {}, not a whole number in range", kind(value)))
}

/// What a JSON value is, for messages.
pub(super) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => scalar.to_string(),
    }
}
