//! The `http` import: the only way out, behind the grant.
//!
//! The order matters: the grant is checked on what the guest wrote, secrets are filled in after
//! that, and answers are scrubbed before the guest sees them. The grant decides what is a write;
//! the guest's label may only raise it.

use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use url::Url;

use crate::bindings::bracketd::broker::http;
use crate::config::ms;
use crate::grant::{Permit, permit};
use crate::guest::enough::enough;
use crate::guest::{GuestState, Mode, WriteSeen};
use crate::secret::{Secrets, Unfilled};
use crate::wire::{Failure, Prepared, Reply, Sent, Why};

/// Most headers of a request.
const HEADERS_MAX: usize = 48;
/// Longest request address in bytes.
const URL_BYTES_MAX: usize = 8 << 10;
/// Most requests of one call: no export of a sound plugin needs more, and each costs the budget.
const REQUESTS_MAX: u32 = 32;
/// Longest value of a header in bytes, as the guest writes it.
const HEADER_BYTES_MAX: usize = 16 << 10;
/// Headers that frame the message or route it, and those that make another request of it than the
/// grant was asked about: the host's own.
const HEADERS_OF_THE_HOST: [&str; 16] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "expect",
    "te",
    "trailer",
    "upgrade",
    "accept-encoding",
    "forwarded",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];
/// The same of whole families.
const HEADER_PREFIXES_OF_THE_HOST: [&str; 3] = ["proxy-", "sec-websocket-", "x-forwarded-"];
/// Left for the guest to read the answer and return, out of the call's budget.
const GUEST_SHARE: Duration = Duration::from_millis(25);

/// One request of a plugin, as somebody who looks on sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestSeen {
    /// Its method.
    pub method: String,
    /// Its address, without secrets.
    pub url: String,
    /// The broker's answer; none = there is none.
    pub status: Option<u16>,
    /// Why there is no answer.
    pub failure: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl http::Host for GuestState {
    fn send(
        &mut self,
        request: http::Request,
    ) -> wasmtime::Result<Result<http::Response, http::HttpFault>> {
        let left = self.enter("http.send")?;
        let asked = self.trace.is_some().then(|| (request.method.clone(), request.url.clone()));
        let began = Instant::now();
        let outcome = self.send_request(request, left);
        if let Some((method, url)) = asked {
            self.note_request(method, &url, began.elapsed(), &outcome);
        }
        self.call.leaves(GUEST_SHARE);
        if let Err(failure) = &outcome
            && failure.why == Why::Denied
        {
            self.shared.warn(&failure.message);
        }
        if let Ok(reply) = &outcome {
            let now_s = i64::try_from(self.shared.clock.now_ns() / 1_000_000_000);
            let told = enough(reply.status, &reply.headers, now_s.unwrap_or(i64::MAX));
            self.call.limited = told.or(self.call.limited);
        }
        self.leave("http.send")?;
        Ok(outcome.map(response).map_err(fault))
    }
}

impl GuestState {
    fn note_request(
        &mut self,
        method: String,
        url: &str,
        took: Duration,
        outcome: &Result<Reply, Failure>,
    ) {
        let seen = RequestSeen {
            method,
            // As the plugin wrote it: with placeholders where secrets go.
            url: self.shared.secrets.scrub_text(url),
            status: outcome.as_ref().ok().map(|reply| reply.status),
            failure: outcome.as_ref().err().map(|failure| failure.message.clone()),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        self.trace.get_or_insert_default().push(seen);
    }

    fn send_request(&mut self, request: http::Request, left: Duration) -> Result<Reply, Failure> {
        let left = left.checked_sub(GUEST_SHARE).unwrap_or(left / 2);
        let wanted = request.timeout_ms.map_or(left, |t| ms(u64::from(t)).min(left));
        let deadline = Instant::now() + wanted;
        if self.call.requests >= REQUESTS_MAX {
            return Err(denied(format!("more than {REQUESTS_MAX} requests in one call")));
        }
        let url = parse(&request.url)?;
        let granted = permit(&self.shared.grants, &request.method, &url).map_err(denied)?;
        if granted.write || request.effect == http::Effect::Write {
            self.send_write(&request, &url, granted, deadline)
        } else {
            let prepared = self.prepare(&request, &url, granted)?;
            self.call.requests += 1;
            self.shared.client.run(prepared, deadline, &self.shared.secrets)
        }
    }

    fn send_write(
        &mut self,
        request: &http::Request,
        url: &Url,
        granted: Permit,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let what = format!("{} {}", request.method, url.path());
        if self.call.mode != Mode::Write {
            return Err(denied(format!("{what} is a write, and this export may only read")));
        }
        if matches!(self.call.write, Some(WriteSeen::Handed(_))) {
            return Err(denied(format!("{what} would be the second write of this call")));
        }
        let prepared = self.prepare(request, url, granted)?;
        let shared = self.shared.clone();
        let Some(entered) = shared.running.enter(self.generation) else {
            self.call.write = Some(WriteSeen::NotSent);
            return Err(fenced(&what));
        };
        let handed = shared.senders.send(prepared, deadline);
        drop(entered);
        match handed {
            Ok(flight) => {
                shared.note_flight(&flight);
                self.call.requests += 1;
                self.call.write = Some(WriteSeen::Handed(flight.clone()));
                flight.wait(deadline).unwrap_or_else(|| {
                    Err(Failure {
                        why: Why::Timeout,
                        sent: Sent::Some,
                        message: "no answer in time; the request goes on without the guest".into(),
                    })
                })
            }
            Err(failure) => {
                self.call.write = Some(WriteSeen::NotSent);
                Err(failure)
            }
        }
    }

    fn prepare(
        &self,
        request: &http::Request,
        url: &Url,
        granted: Permit,
    ) -> Result<Prepared, Failure> {
        let secrets = &self.shared.secrets;
        let host = url.host_str().unwrap_or_default();
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| denied(format!("{} is not a method", request.method)))?;
        let carries_body = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
        let body = match &request.body {
            None => carries_body.then(Vec::new),
            Some(bytes) if !carries_body => {
                if !bytes.is_empty() {
                    return Err(denied(format!("{} carries no body", request.method)));
                }
                None
            }
            Some(bytes) if bytes.len() > self.shared.limits.request_bytes => {
                return Err(denied(format!("a body of {} bytes is too large", bytes.len())));
            }
            Some(bytes) if granted.secrets_in_body => Some(fill_body(secrets, bytes, host)?),
            Some(bytes) => Some(bytes.clone()),
        };
        let uri = address(secrets, url, host)?;
        let headers = headers(secrets, &request.headers, host)?;
        Ok(Prepared { method, uri, headers, body })
    }
}

/// The address that a guest wrote.
pub(crate) fn parse(text: &str) -> Result<Url, Failure> {
    if text.len() > URL_BYTES_MAX {
        return Err(denied(format!("an address of {} bytes is too long", text.len())));
    }
    let mut url = Url::parse(text).map_err(|e| denied(format!("not an address: {e}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(denied("an address may not hold a user or password".to_owned()));
    }
    url.set_fragment(None);
    Ok(url)
}

/// The address with the secrets of its query filled in.
pub(crate) fn address(secrets: &Secrets, url: &Url, host: &str) -> Result<Uri, Failure> {
    let mut url = url.clone();
    if let Some(query) = url.query() {
        let query = query.replace("%7B%7Bsecret:", "{{secret:").replace("%7D%7D", "}}");
        if Secrets::is_named_in(&query) {
            let filled = secrets.fill_query(&query, host).map_err(unfilled)?;
            url.set_query(Some(&String::from_utf8_lossy(&filled)));
        }
    }
    url.as_str().parse().map_err(|_| denied("not an address".to_owned()))
}

/// The headers that a guest wrote, with their secrets filled in.
pub(crate) fn headers(
    secrets: &Secrets,
    wanted: &[(String, String)],
    host: &str,
) -> Result<HeaderMap, Failure> {
    if wanted.len() > HEADERS_MAX {
        return Err(denied(format!("{} headers are too many", wanted.len())));
    }
    let mut all = HeaderMap::with_capacity(wanted.len());
    for (name, value) in wanted {
        let lower = name.to_ascii_lowercase();
        let is_family = HEADER_PREFIXES_OF_THE_HOST.iter().any(|start| lower.starts_with(start));
        if is_family || HEADERS_OF_THE_HOST.contains(&lower.as_str()) {
            return Err(denied(format!("header {lower} belongs to the host")));
        }
        if value.len() > HEADER_BYTES_MAX {
            return Err(denied(format!("header {lower} of {} bytes is too long", value.len())));
        }
        let bad = || denied(format!("header {lower} is malformed"));
        let secret = Secrets::is_named_in(value);
        let filled = secrets.fill(value, Some(host)).map_err(unfilled)?;
        let mut value = HeaderValue::from_bytes(&filled).map_err(|_| bad())?;
        value.set_sensitive(secret);
        all.append(HeaderName::from_bytes(lower.as_bytes()).map_err(|_| bad())?, value);
    }
    Ok(all)
}

fn fill_body(secrets: &Secrets, bytes: &[u8], host: &str) -> Result<Vec<u8>, Failure> {
    match std::str::from_utf8(bytes) {
        Ok(text) => secrets.fill(text, Some(host)).map_err(unfilled),
        Err(_) => Ok(bytes.to_vec()),
    }
}

fn unfilled(why: Unfilled) -> Failure {
    denied(why.to_string())
}

fn denied(message: String) -> Failure {
    Failure { why: Why::Denied, sent: Sent::No, message }
}

/// Another plugin runs the account by now.
fn fenced(what: &str) -> Failure {
    let message = format!("{what} is not sent: another plugin has taken the account over");
    Failure { why: Why::Fenced, sent: Sent::No, message }
}

fn response(reply: Reply) -> http::Response {
    http::Response { status: reply.status, headers: reply.headers, body: reply.body }
}

fn fault(failure: Failure) -> http::HttpFault {
    http::HttpFault {
        why: match failure.why {
            Why::Denied => http::Why::Denied,
            Why::Fenced => http::Why::Fenced,
            Why::Timeout => http::Why::Timeout,
            Why::Connect => http::Why::Connect,
            Why::Tls => http::Why::Tls,
            Why::TooLarge => http::Why::TooLarge,
            Why::Protocol => http::Why::Protocol,
            Why::Other => http::Why::Other,
        },
        sent: match failure.sent {
            Sent::No => http::Sent::No,
            Sent::Some => http::Sent::Unknown,
            Sent::Whole => http::Sent::Yes,
        },
        message: failure.message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn secrets() -> Secrets {
        let bound = Secret::new("PK-123456").only_for(["api.example".to_owned()]);
        Secrets::new([("key".to_owned(), bound)].into()).unwrap()
    }

    fn sent(name: &str, value: &str, host: &str) -> Result<String, String> {
        let wanted = [(name.to_owned(), value.to_owned())];
        let all = headers(&secrets(), &wanted, host).map_err(|failure| failure.message)?;
        let pairs = all
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
        Ok(pairs.collect())
    }

    #[test]
    fn headers_that_would_make_another_request_of_it_belong_to_the_host() {
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "Connection",
            "Proxy-Authorization",
            "X-HTTP-Method-Override",
            "x-http-method",
            "X-Method-Override",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-Forwarded-Host",
            "Forwarded",
        ] {
            let told = sent(name, "DELETE", "api.example").unwrap_err();
            assert!(told.contains("belongs to the host"), "{name}: {told}");
        }
        assert_eq!(sent("Accept", "*/*", "api.example").unwrap(), "accept: */*");
    }

    #[test]
    fn a_placeholder_is_filled_in_a_value_for_its_host_and_nowhere_else() {
        let text = "Bearer {{secret:key}}";
        assert_eq!(
            sent("Authorization", text, "api.example").unwrap(),
            "authorization: Bearer PK-123456"
        );
        for (name, value, host, words) in [
            ("Authorization", text, "evil.example", "is for api.example only"),
            ("x-{{secret:key}}", "v", "api.example", "malformed"),
            ("a", "{{secret:other}}", "api.example", "secret other is not configured"),
            ("a", "x\r\nhost: evil.example", "api.example", "malformed"),
            ("a", &"x".repeat(HEADER_BYTES_MAX + 1), "api.example", "too long"),
        ] {
            let told = sent(name, value, host).unwrap_err();
            assert!(told.contains(words) && !told.contains("PK-123456"), "{told}");
        }
    }

    #[test]
    fn an_address_holds_a_secret_in_its_query_alone() {
        let filled = |text: &str, host: &str| {
            let uri = address(&secrets(), &Url::parse(text).unwrap(), host);
            uri.map(|uri| uri.to_string()).map_err(|failure| failure.message)
        };
        for (text, want) in [
            ("https://api.example/x?k={{secret:key}}", "https://api.example/x?k=PK-123456"),
            ("https://api.example/{{secret:key}}", "https://api.example/%7B%7Bsecret:key%7D%7D"),
        ] {
            assert_eq!(filled(text, "api.example").unwrap(), want);
        }
        let told = filled("https://evil.example/x?k={{secret:key}}", "evil.example").unwrap_err();
        assert!(told.contains("is for api.example only"), "{told}");
        // A host or a user made of a secret is no address, or not one that is granted.
        assert!(Url::parse("https://{{secret:key}}.evil.example/").is_err());
    }
}
