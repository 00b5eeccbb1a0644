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
    /// As the broker issued it: what is sent, and looked for in answers.
    issued: Vec<u8>,
    /// What it stands for, where that is something else: what signs.
    key: Option<Vec<u8>>,
    /// Lower case; empty = every host that the account's grants name.
    hosts: Vec<String>,
}

impl Secret {
    /// Wraps the bytes; for `sign`, a key in the form the algorithm asks for.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { issued: bytes.into(), key: None, hosts: Vec::new() }
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

    /// A secret that is issued as base64 of the key that signs (Kraken's, for one). None when it is
    /// not base64.
    pub fn base64(text: &str) -> Option<Self> {
        let key = base64(text).filter(|key| !key.is_empty())?;
        Some(Self { issued: text.as_bytes().to_vec(), key: Some(key), hosts: Vec::new() })
    }

    /// The bytes as issued; only the code that sends may ask.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.issued
    }

    /// The key; only the code that signs may ask.
    pub(crate) fn key(&self) -> &[u8] {
        self.key.as_deref().unwrap_or(&self.issued)
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
            let forms = |of: &[u8]| [of.to_vec(), percent(of), json(of)];
            let key = (secret.key().len() >= SECRET_BYTES_MIN).then(|| forms(secret.key()));
            for form in forms(secret.bytes()).into_iter().chain(key.into_iter().flatten()) {
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

    /// As [`Self::fill`], for a JSON text: the value is written as inside of a JSON string.
    pub(crate) fn fill_json(&self, text: &str, host: &str) -> Result<Vec<u8>, Unfilled> {
        self.fill_with(text, Some(host), |secret| json(secret.bytes()))
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

/// The bytes of a base64 text (RFC 4648, section 4); white space does not count.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count, mut padding) = (0_u32, 0_u32, 0_u32);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = (bits << 6 | u32::from(six)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    // One digit alone is no byte.
    (padding <= 2 && count < 6).then_some(out)
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
    fn base64_is_read_whole_or_not_at_all() {
        for (text, want) in [
            ("Zm9v", Some("foo")),
            ("Zm9vYg==", Some("foob")),
            ("Zm9vYmE=", Some("fooba")),
            ("Zm9v\nYg", Some("foob")),
            ("", Some("")),
            ("Z!", None),
            ("Zm9vY", None),
            ("Zm9vYg==Zm9v", None),
            ("Zg===", None),
            ("Zm9v_-", None),
        ] {
            assert_eq!(base64(text).as_deref(), want.map(str::as_bytes), "{text}");
        }
    }

    #[test]
    fn a_base64_secret_is_sent_as_issued_and_scrubbed_in_both_forms() {
        let secret = Secret::base64("a2V5LXRoYXQtc2lnbnM=").unwrap();
        assert_eq!(secret.key(), b"key-that-signs");
        let secrets = Secrets::new([("key".to_owned(), secret)].into()).unwrap();
        assert_eq!(secrets.fill("{{secret:key}}", None).unwrap(), b"a2V5LXRoYXQtc2lnbnM=");
        let seen = secrets.scrub_text("a2V5LXRoYXQtc2lnbnM= key-that-signs");
        assert_eq!(seen, "[secret] [secret]");
        assert_eq!(Secret::base64("no base64!"), None);
    }

    #[test]
    fn what_is_filled_into_json_stays_inside_of_its_string() {
        let map = [("k".to_owned(), Secret::new(*b"a\"},\n\x01"))].into();
        let secrets = Secrets::new(map).unwrap();
        let filled = secrets.fill_json(r#"{"key":"{{secret:k}}"}"#, "h").unwrap();
        assert_eq!(filled, br#"{"key":"a\"},\n\u0001"}"#);
        assert_eq!(secrets.scrub(filled), br#"{"key":"[secret]"}"#);
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", secrets()).contains("PK-"));
    }
}
