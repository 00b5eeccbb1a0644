//! The one way out, as a trait. Separate so that a plugin's requests and parsing run natively
//! against canned answers; it must never retry or remember.

pub use crate::bindings::bracketd::broker::http::{
    Effect, HttpFault, Request, Response, Sent, Why,
};
use crate::bindings::bracketd::broker::{clock, http};
use crate::types::UnixNanos;

/// What a plugin may ask of the world: one request at a time, and the time.
pub trait Transport {
    /// Sends one request and waits for the answer; any status is an answer.
    ///
    /// # Errors
    /// The host's fault when there is no answer.
    fn send(&self, request: &Request) -> Result<Response, HttpFault>;

    /// Unix time in nanoseconds, the tape's time on a tape.
    fn now(&self) -> UnixNanos;
}

/// The host behind the ABI. Works only inside a component.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

impl Transport for Host {
    fn send(&self, request: &Request) -> Result<Response, HttpFault> {
        http::send(request)
    }

    fn now(&self) -> UnixNanos {
        clock::now()
    }
}

/// The first value of a header, by its lower-case name.
#[must_use]
pub fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

/// Percent-encodes one query value (everything but unreserved characters).
#[must_use]
pub fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                out.push('%');
                out.extend(
                    [byte >> 4, byte & 15]
                        .into_iter()
                        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
                        .map(|digit| digit.to_ascii_uppercase()),
                );
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_encoded() {
        assert_eq!(encode("BTC/USD a-b_c.~"), "BTC%2FUSD%20a-b_c.~");
        assert_eq!(encode("2026-01-01T00:00:00Z+é"), "2026-01-01T00%3A00%3A00Z%2B%C3%A9");
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let response =
            Response { status: 200, headers: vec![("X-A".into(), "1".into())], body: vec![] };
        assert_eq!((header(&response, "x-a"), header(&response, "x-b")), (Some("1"), None));
    }
}
