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
/// Most placeholders in one text.
const FILLS_MAX: usize = 16;
const OPEN: &str = "{{secret:";
const CLOSE: &str = "}}";

/// One secret value, and where it may go.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    bytes: Vec<u8>,
    /// Lower case; empty = every host that the account's grants name.
    hosts: Vec<String>,
}

impl Secret {
    /// Wraps the bytes; for `sign`, a key in the form the algorithm asks for.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), hosts: Vec::new() }
    }

    /// The same, for requests to these hosts only.
    #[must_use]
    pub fn only_for(mut self, hosts: impl IntoIterator<Item = String>) -> Self {
        self.hosts = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        self
    }

    fn may_go_to(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    /// The bytes; only the code that sends or signs may ask.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why a placeholder is not filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfilled {
    /// There is no such secret.
    #[error("secret {0} is not configured; to add it:\n[account.secrets]\n{0} = ...")]
    Unknown(String),
    /// A guest could have the host put together more than it may hand over itself.
    #[error("more than {FILLS_MAX} placeholders in one text")]
    TooMany,
    /// It is for other hosts.
    #[error(
        "secret {name} is for {} only and does not go to {host}; to allow it, name {host} in the \
         `hosts` of {name} in [account.secrets]",
        .hosts.join(", ")
    )]
    Bound {
        /// The secret.
        name: String,
        /// The hosts it is for.
        hosts: Vec<String>,
        /// The host of the request.
        host: String,
    },
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
                    needles.push(Secret::new(form));
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

    /// Replaces each placeholder in something that goes to `host`; none: it is signed and goes
    /// nowhere. The first one that cannot be filled is the error.
    pub(crate) fn fill(&self, text: &str, host: Option<&str>) -> Result<Vec<u8>, Unfilled> {
        self.fill_with(text, host, |secret| secret.bytes().to_vec())
    }

    /// As [`Self::fill`], for a URL's query: the value is percent-encoded.
    pub(crate) fn fill_query(&self, text: &str, host: &str) -> Result<Vec<u8>, Unfilled> {
        self.fill_with(text, Some(host), |secret| percent(secret.bytes()))
    }

    fn fill_with(
        &self,
        text: &str,
        host: Option<&str>,
        form: impl Fn(&Secret) -> Vec<u8>,
    ) -> Result<Vec<u8>, Unfilled> {
        let mut out = Vec::with_capacity(text.len());
        let (mut rest, mut left) = (text, FILLS_MAX);
        while let Some((before, after)) = rest.split_once(OPEN) {
            let Some((name, tail)) = after.split_once(CLOSE) else { break };
            out.extend_from_slice(before.as_bytes());
            left = left.checked_sub(1).ok_or(Unfilled::TooMany)?;
            let secret = self.get(name).ok_or_else(|| Unfilled::Unknown(name.to_owned()))?;
            if let Some(host) = host.filter(|host| !secret.may_go_to(host)) {
                let (name, hosts) = (name.to_owned(), secret.hosts.clone());
                return Err(Unfilled::Bound { name, hosts, host: host.to_owned() });
            }
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
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
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
            ("{{secret:none}}", Err(Unfilled::Unknown("none".to_owned()))),
            ("{{secret:key", Ok("{{secret:key")),
            ("plain", Ok("plain")),
        ] {
            let got = secrets().fill(text, Some("h")).map(|b| String::from_utf8(b).unwrap());
            assert_eq!(got, want.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_secret_goes_to_its_hosts_and_nowhere_else() {
        let bound = Secret::new("PK-123456").only_for(["API.broker.example".to_owned()]);
        let secrets = Secrets::new([("key".to_owned(), bound)].into()).unwrap();
        let text = "{{secret:key}}";
        for (host, goes) in [
            (Some("api.broker.example"), true),
            (Some("API.BROKER.EXAMPLE"), true),
            (Some("data.broker.example"), false),
            (Some("api.broker.example.evil.example"), false),
            (Some(""), false),
            (None, true),
        ] {
            assert_eq!(secrets.fill(text, host).is_ok(), goes, "{host:?}");
            let query = host.map(|host| secrets.fill_query(text, host).is_ok());
            assert_eq!(query, host.map(|_| goes), "{host:?}");
        }
        let told = secrets.fill(text, Some("data.broker.example")).unwrap_err().to_string();
        assert!(told.contains("is for api.broker.example only"), "{told}");
        assert!(told.contains("name data.broker.example in the `hosts` of key"), "{told}");
    }

    #[test]
    fn a_text_holds_only_so_many_placeholders() {
        let many = |n: usize| "{{secret:key}}".repeat(n);
        assert!(secrets().fill(&many(FILLS_MAX), None).is_ok());
        assert_eq!(secrets().fill(&many(FILLS_MAX + 1), None), Err(Unfilled::TooMany));
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
