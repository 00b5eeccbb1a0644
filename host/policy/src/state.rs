//! What a script keeps of a transaction (`this`), to and from JSON.
//!
//! Apart because it outlives the script's version and the process: only values that mean the same
//! tomorrow may pass. Decimals, prices and lengths of time are written as one-entry objects
//! (`{"$decimal":"1.5"}`), so that no number ever turns into a float (I8).

use std::str::FromStr;

use bracketd_core::money::Price;
use bracketd_core::time::Timestamp;
use rhai::{Array, Dynamic, ImmutableString, Map};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::data::{ScriptPrice, ScriptTime, Span};
use crate::limits::STATE_BYTES_MAX;

const DECIMAL: &str = "$decimal";
const PRICE: &str = "$price";
const DURATION: &str = "$ms";
const VERSION: &str = "$version";

/// What was kept, with the version of `STATE` that it was written for.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) version: i64,
    pub(crate) map: Map,
}
const TIME: &str = "$us";

/// Reads what was kept; the empty text is the empty map.
pub(crate) fn read(text: &str) -> Result<Option<Kept>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let value: Value = serde_json::from_str(text).map_err(|e| format!("kept state: {e}"))?;
    let Value::Object(mut entries) = value else {
        return Err("kept state is no JSON object".to_owned());
    };
    let version = entries.remove(VERSION).and_then(|version| version.as_i64()).unwrap_or(1);
    let read = |(key, value): (String, Value)| Ok((key.as_str().into(), from_json(value)?));
    let map = entries.into_iter().map(read).collect::<Result<Map, String>>()?;
    Ok(Some(Kept { version, map }))
}

/// Writes what is to be kept; the empty map is the empty text.
pub(crate) fn write(state: &Map, version: i64) -> Result<String, String> {
    if state.is_empty() && version == 1 {
        return Ok(String::new());
    }
    let mut value = object(state, "this")?;
    if let (Value::Object(entries), true) = (&mut value, version != 1) {
        entries.insert(VERSION.to_owned(), Value::from(version));
    }
    let text = value.to_string();
    if text.len() > STATE_BYTES_MAX {
        return Err(format!("this is {} bytes; at most {STATE_BYTES_MAX} are kept", text.len()));
    }
    Ok(text)
}

fn object(map: &Map, path: &str) -> Result<Value, String> {
    let mut entries = serde_json::Map::new();
    for (key, value) in map {
        if key.starts_with('$') {
            return Err(format!("{path}.{key}: a name that begins with $ cannot be kept"));
        }
        entries.insert(key.to_string(), to_json(value, &format!("{path}.{key}"))?);
    }
    Ok(Value::Object(entries))
}

fn to_json(value: &Dynamic, path: &str) -> Result<Value, String> {
    let tagged = |tag: &str, text: String| {
        Value::Object(std::iter::once((tag.to_owned(), Value::String(text))).collect())
    };
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Value::from(number));
    }
    if let Ok(number) = value.as_decimal() {
        return Ok(tagged(DECIMAL, number.to_string()));
    }
    if let Some(price) = value.read_lock::<ScriptPrice>() {
        return Ok(tagged(PRICE, price.0.to_string()));
    }
    if let Some(span) = value.read_lock::<Span>() {
        return Ok(tagged(DURATION, span.0.to_string()));
    }
    if let Some(time) = value.read_lock::<ScriptTime>() {
        return Ok(tagged(TIME, time.0.0.to_string()));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Value::String(text.to_string()));
    }
    if let Ok(array) = value.as_array_ref() {
        let items = array.iter().map(|item| to_json(item, &format!("{path}[]")));
        return items.collect::<Result<_, _>>().map(Value::Array);
    }
    if let Ok(map) = value.as_map_ref() {
        return object(&map, path);
    }
    Err(format!(
        "{path} is a {} and cannot be kept; keep numbers, texts, flags, prices, arrays and maps",
        crate::failure::plain_type(value.type_name())
    ))
}

fn from_json(value: Value) -> Result<Dynamic, String> {
    Ok(match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => Dynamic::from_bool(flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Dynamic::from_int(number),
            None => return Err(format!("kept state: {number} is no whole number")),
        },
        Value::String(text) => Dynamic::from(ImmutableString::from(text)),
        Value::Array(items) => {
            let items: Result<Array, String> = items.into_iter().map(from_json).collect();
            Dynamic::from_array(items?)
        }
        Value::Object(entries) => match tagged(&entries) {
            Some(value) => value?,
            None => {
                let read = |(key, value): (String, Value)| {
                    Ok::<_, String>((key.as_str().into(), from_json(value)?))
                };
                let map: Result<Map, String> = entries.into_iter().map(read).collect();
                Dynamic::from_map(map?)
            }
        },
    })
}

fn tagged(entries: &serde_json::Map<String, Value>) -> Option<Result<Dynamic, String>> {
    let (tag, value) = entries.iter().next().filter(|_| entries.len() == 1)?;
    let text = value.as_str()?;
    let read = match tag.as_str() {
        DECIMAL => Decimal::from_str(text).ok().map(Dynamic::from_decimal),
        PRICE => Decimal::from_str(text)
            .ok()
            .and_then(Price::new)
            .map(|price| Dynamic::from(ScriptPrice(price))),
        DURATION => text.parse().ok().map(|ms| Dynamic::from(Span(ms))),
        TIME => text.parse().ok().map(|us| Dynamic::from(ScriptTime(Timestamp(us)))),
        _ => return None,
    };
    Some(read.ok_or_else(|| format!("kept state: {tag} {text} cannot be read")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_comes_back_as_itself() {
        let mut map = Map::new();
        map.insert("flag".into(), true.into());
        map.insert("count".into(), 3_i64.into());
        map.insert("money".into(), Dynamic::from_decimal(Decimal::new(150, 2)));
        let price = Price::new(Decimal::new(10125, 2)).expect("a price");
        map.insert("price".into(), Dynamic::from(ScriptPrice(price)));
        map.insert("wait".into(), Dynamic::from(Span(5_000)));
        map.insert("list".into(), vec![Dynamic::from("a"), Dynamic::UNIT].into());
        let text = write(&map, 1).expect("it can be kept");
        let again = read(&text).expect("it can be read").expect("something").map;
        assert_eq!(write(&again, 1).as_deref(), Ok(text.as_str()));
        assert_eq!(again["money"].as_decimal().map(|d| d.to_string()), Ok("1.50".to_owned()));
        assert!(again["price"].is::<ScriptPrice>() && again["wait"].is::<Span>());
    }

    #[test]
    fn what_means_nothing_tomorrow_is_named_with_its_place() {
        let pointer = rhai::FnPtr::new("f").expect("a name");
        let inner: Map = [("f".into(), Dynamic::from(pointer))].into_iter().collect();
        let map: Map = [("a".into(), Dynamic::from_map(inner))].into_iter().collect();
        let error = write(&map, 1).expect_err("a pointer is not kept");
        assert!(error.starts_with("this.a.f is a Fn"), "{error}");
        let big: Map = [("s".into(), "x".repeat(STATE_BYTES_MAX).into())].into_iter().collect();
        assert!(write(&big, 1).is_err());
    }
}
