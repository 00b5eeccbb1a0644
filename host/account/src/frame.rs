//! Which frames a guest may send on a socket: those that the operator's grant lists as reads.
//!
//! Apart because a frame has no method and no path: what it does stands in its text, so the rule
//! reads that text as strictly as the loosest broker might not. It must never let a frame through
//! that one reader takes for a subscription and another for an order.

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use url::Url;

use crate::grant::{Grant, grant_table};

/// Longest part of a frame that is shown.
const SHOWN_BYTES_MAX: usize = 120;
/// Keys under which brokers say what a frame asks for, the likeliest first.
const VERB_KEYS: [&str; 6] = ["action", "op", "method", "type", "event", "request"];

/// A frame that is a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameRule {
    /// A JSON object with this text under this key of its outermost level.
    Json {
        /// The key.
        key: String,
        /// The text.
        value: String,
    },
    /// Exactly this text.
    Text(String),
}

impl FrameRule {
    fn covers(&self, text: &str, object: Option<&Object>) -> bool {
        match self {
            Self::Text(exact) => exact == text,
            Self::Json { key, value } => object.is_some_and(|o| o.says(key, value)),
        }
    }
}

/// What a frame becomes when it may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A JSON object: what is filled in stands inside of its strings.
    Json,
    /// Plain text.
    Text,
}

/// Whether the guest may send this frame; else why not, with the lines that would allow it.
pub(crate) fn permit_frame(grant: &Grant, url: &Url, data: &[u8]) -> Result<Form, String> {
    let Ok(text) = std::str::from_utf8(data) else {
        return Err("a frame that is no text cannot be told from an order, and is not sent".into());
    };
    let object = Object::parse(text);
    match grant.frames.iter().find(|rule| rule.covers(text, object.as_ref())) {
        Some(_) if object.is_some() => Ok(Form::Json),
        Some(_) => Ok(Form::Text),
        None => Err(denial(url, text, object.as_ref())),
    }
}

fn denial(url: &Url, text: &str, object: Option<&Object>) -> String {
    let shown = text.get(..text.floor_char_boundary(SHOWN_BYTES_MAX)).unwrap_or(text);
    let rule = match object.and_then(Object::verb) {
        Some((key, value)) => format!("{{ key = {key:?}, value = {value:?} }}"),
        None => format!("{{ text = {shown:?} }}"),
    };
    format!(
        "the frame {shown} is not listed as a read, so it was not sent; to allow it, if it changes \
         nothing at the broker:\n{}\nframes = [{rule}]",
        grant_table(url, "")
    )
}

/// The outermost level of a JSON object that every reader reads alike.
struct Object(Vec<(String, Option<String>)>);

impl Object {
    /// None: no JSON, no object, something behind it, or keys that some readers take for one: equal
    /// ones, ones that differ in case, ones beyond ASCII.
    fn parse(text: &str) -> Option<Self> {
        let object: Self = serde_json::from_str(text).ok()?;
        let mut keys: Vec<String> =
            object.0.iter().map(|(key, _)| key.to_ascii_lowercase()).collect();
        keys.sort_unstable();
        let is_plain = keys.iter().all(|key| key.is_ascii());
        let differ = keys.windows(2).all(|pair| pair.first() != pair.last());
        (is_plain && differ).then_some(object)
    }

    fn says(&self, key: &str, value: &str) -> bool {
        self.0.iter().any(|(k, v)| k == key && v.as_deref() == Some(value))
    }

    /// What it probably asks for.
    fn verb(&self) -> Option<(&str, &str)> {
        let texts = || self.0.iter().filter_map(|(k, v)| Some((k.as_str(), v.as_deref()?)));
        let named = VERB_KEYS.iter().find_map(|name| texts().find(|(key, _)| key == name));
        named.or_else(|| texts().next())
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Level;
        impl<'de> Visitor<'de> for Level {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut all = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, serde_json::Value>()? {
                    all.push((key, value.as_str().map(str::to_owned)));
                }
                Ok(Object(all))
            }
        }
        deserializer.deserialize_map(Level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        let json =
            |key: &str, value: &str| FrameRule::Json { key: key.into(), value: value.into() };
        Grant {
            frames: vec![json("action", "listen"), FrameRule::Text("ping".into())],
            ..Grant::origin("wss://b.example").unwrap()
        }
    }

    fn permit(data: &[u8]) -> Result<Form, String> {
        permit_frame(&grant(), &Url::parse("wss://b.example:8443/stream").unwrap(), data)
    }

    #[test]
    fn a_frame_that_is_not_listed_is_a_write() {
        for (frame, want) in [
            (r#"{"action":"listen","data":{"streams":["trade_updates"]}}"#, Some(Form::Json)),
            (r#" { "data": 1, "action" : "listen" } "#, Some(Form::Json)),
            ("ping", Some(Form::Text)),
            ("ping ", None),
            (r#"{"action":"order"}"#, None),
            (r#"{"action":["listen"]}"#, None),
            (r#"{"data":{"action":"listen"}}"#, None),
            (r#"[{"action":"listen"}]"#, None),
            // What another reader could take for something else.
            (r#"{"action":"listen","action":"order"}"#, None),
            (r#"{"action":"listen","Action":"order"}"#, None),
            ("{\"action\":\"listen\",\"act\u{131}on\":\"order\"}", None),
            (r#"{"action":"listen"}{"action":"order"}"#, None),
            (r#"{"\u0061ction":"listen"}"#, Some(Form::Json)),
            ("", None),
        ] {
            assert_eq!(permit(frame.as_bytes()).ok(), want, "{frame}");
        }
        assert!(permit(b"\xff\xfe").is_err());
    }

    #[test]
    fn a_denial_names_the_frame_and_the_lines_that_would_lift_it() {
        let text = permit(br#"{"id":"7","op":"place","qty":1}"#).unwrap_err();
        for line in [
            "[[account.grant]]",
            "scheme = \"wss\"",
            "port = 8443",
            "paths = [\"/stream\"]",
            "frames = [{ key = \"op\", value = \"place\" }]",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let text = permit(b"subscribe").unwrap_err();
        assert!(text.contains("frames = [{ text = \"subscribe\" }]"), "{text}");
    }
}
