//! Secrets: what a guest may name and must never see.
//!
//! Apart because substitution and scrubbing must agree on what a secret is. No error, log line or
//! `Debug` of this file shows a secret's bytes.

use std::collections::BTreeMap;
use std::fmt;

/// Shortest secret: a shorter one could not be scrubbed without tearing ordinary text apart.
pub const SECRET_BYTES_MIN: usize = 6;
/// What stands where a secret was.
const SCRUBBED: &[u8] = b"[secret]";
const OPEN: &str = "{{secret:";
const CLOSE: &str = "}}";

/// One secret value.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps the bytes; for `sign`, a key in the form the algorithm asks for.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes; only the code that sends or signs may ask.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The secrets of one account with everything that has to be looked for in answers.
#[derive(Debug)]
pub(crate) struct Secrets {
    by_name: BTreeMap<String, Secret>,
    needles: Vec<Secret>,
}

impl Secrets {
    /// Takes the secrets of a configuration; the name of the first one that is too short is the
    /// error.
    pub(crate) fn new(by_name: BTreeMap<String, Secret>) -> Result<Self, String> {
        let mut needles: Vec<Secret> = Vec::new();
        for (name, secret) in &by_name {
            if secret.bytes().len() < SECRET_BYTES_MIN {
                return Err(name.clone());
            }
            for form in [secret.bytes().to_vec(), percent(secret.bytes()), json(secret.bytes())] {
                if !needles.iter().any(|n| n.bytes() == form) {
                    needles.push(Secret(form));
                }
            }
        }
        // The longest first: one secret may hold another.
        needles.sort_by_key(|n| std::cmp::Reverse(n.bytes().len()));
        Ok(Self { by_name, needles })
    }

    /// The secret of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Secret> {
        self.by_name.get(name)
    }

    /// Replaces each placeholder; the first unknown name is the error.
    pub(crate) fn fill(&self, text: &str) -> Result<Vec<u8>, String> {
        self.fill_with(text, |secret| secret.bytes().to_vec())
    }

    /// As [`Self::fill`], for a URL's query: the value is percent-encoded.
    pub(crate) fn fill_query(&self, text: &str) -> Result<Vec<u8>, String> {
        self.fill_with(text, |secret| percent(secret.bytes()))
    }

    /// As [`Self::fill`], for a JSON text: the value is written as inside of a JSON string.
    pub(crate) fn fill_json(&self, text: &str) -> Result<Vec<u8>, String> {
        self.fill_with(text, |secret| json(secret.bytes()))
    }

    fn fill_with(&self, text: &str, form: impl Fn(&Secret) -> Vec<u8>) -> Result<Vec<u8>, String> {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN) {
            let Some((name, tail)) = after.split_once(CLOSE) else { break };
            out.extend_from_slice(before.as_bytes());
            let secret = self.get(name).ok_or_else(|| name.to_owned())?;
            out.extend_from_slice(&form(secret));
            rest = tail;
        }
        out.extend_from_slice(rest.as_bytes());
        Ok(out)
    }

    /// Whether the text names a secret.
    pub(crate) fn is_named_in(text: &str) -> bool {
        text.contains(OPEN)
    }

    /// The bytes with every secret replaced by `[secret]`.
    pub(crate) fn scrub(&self, bytes: Vec<u8>) -> Vec<u8> {
        let mut bytes = bytes;
        for needle in &self.needles {
            if find(&bytes, needle.bytes()).is_some() {
                bytes = replace(&bytes, needle.bytes());
            }
        }
        bytes
    }

    /// As [`Self::scrub`], for text.
    pub(crate) fn scrub_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.scrub(text.as_bytes().to_vec())).into_owned()
    }
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(rest) = hay.get(from..) {
        let at = from + rest.iter().position(|&b| b == first)?;
        if hay.get(at..).is_some_and(|h| h.starts_with(needle)) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn replace(hay: &[u8], needle: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(hay.len());
    let mut rest = hay;
    while let Some(at) = find(rest, needle) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(SCRUBBED);
        rest = after.get(needle.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

fn percent(bytes: &[u8]) -> Vec<u8> {
    url::form_urlencoded::byte_serialize(bytes).collect::<String>().replace('+', "%20").into_bytes()
}

fn json(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0..0x20 => out.extend(format!("\\u{byte:04x}").bytes()),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let pairs = [("key", "PK-123456"), ("pass", "a\"b c+d/e")];
        let map = pairs.map(|(n, v)| (n.to_owned(), Secret::new(v.as_bytes()))).into();
        Secrets::new(map).unwrap()
    }

    #[test]
    fn placeholders_are_filled_where_they_stand() {
        for (text, want) in [
            ("{{secret:key}}", Ok("PK-123456")),
            ("Bearer {{secret:key}}!", Ok("Bearer PK-123456!")),
            ("{{secret:key}}{{secret:key}}", Ok("PK-123456PK-123456")),
            ("{{secret:none}}", Err("none")),
            ("{{secret:key", Ok("{{secret:key")),
            ("plain", Ok("plain")),
        ] {
            let got = secrets().fill(text).map(|b| String::from_utf8(b).unwrap());
            assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
        }
    }

    #[test]
    fn every_form_of_a_secret_is_scrubbed() {
        for (text, want) in [
            ("id=PK-123456;", "id=[secret];"),
            ("PK-123456PK-123456", "[secret][secret]"),
            (r#"{"p":"a\"b c+d/e"}"#, r#"{"p":"[secret]"}"#),
            ("q=a%22b%20c%2Bd%2Fe&x=1", "q=[secret]&x=1"),
            ("PK-12345", "PK-12345"),
        ] {
            assert_eq!(secrets().scrub_text(text), want);
        }
    }

    #[test]
    fn a_secret_too_short_to_scrub_is_refused_by_name() {
        let map = [("pin".to_owned(), Secret::new(*b"12345"))].into();
        assert_eq!(Secrets::new(map).unwrap_err(), "pin");
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", secrets()).contains("PK-"));
    }
}
