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
use crate::guest::{GuestState, Mode, WriteSeen};
use crate::secret::Secrets;
use crate::wire::{Failure, Prepared, Reply, Sent, Why};

/// Most headers of a request.
const HEADERS_MAX: usize = 48;
/// Longest request address in bytes.
const URL_BYTES_MAX: usize = 8 << 10;
/// Most requests of one call: no export of a sound plugin needs more, and each costs the budget.
const REQUESTS_MAX: u32 = 32;
/// "Too many requests", RFC 6585.
const TOO_MANY: u16 = 429;
/// Headers that frame the message or route it: the host's own.
const HEADERS_OF_THE_HOST: [&str; 10] = [
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
];
/// Left for the guest to read the answer and return, out of the call's budget.
const GUEST_SHARE: Duration = Duration::from_millis(25);

impl http::Host for GuestState {
    fn send(
        &mut self,
        request: http::Request,
    ) -> wasmtime::Result<Result<http::Response, http::HttpFault>> {
        let left = self.enter("http.send")?;
        let outcome = self.send_request(request, left);
        self.call.leaves(GUEST_SHARE);
        if let Err(failure) = &outcome
            && failure.why == Why::Denied
        {
            self.shared.warn(&failure.message);
        }
        self.call.limited |= outcome.as_ref().is_ok_and(|reply| reply.status == TOO_MANY);
        self.leave("http.send")?;
        Ok(outcome.map(response).map_err(fault))
    }
}

impl GuestState {
    fn send_request(&mut self, request: http::Request, left: Duration) -> Result<Reply, Failure> {
        let left = left.checked_sub(GUEST_SHARE).unwrap_or(left / 2);
        let wanted = request.timeout_ms.map_or(left, |t| ms(u64::from(t)).min(left));
        let deadline = Instant::now() + wanted;
        if self.call.requests >= REQUESTS_MAX {
            return Err(denied(format!("more than {REQUESTS_MAX} requests in one call")));
        }
        let url = parse(&request)?;
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
            Some(bytes) if granted.secrets_in_body => Some(fill_body(secrets, bytes)?),
            Some(bytes) => Some(bytes.clone()),
        };
        let (uri, headers) = (address(secrets, url)?, headers(secrets, &request.headers)?);
        Ok(Prepared { method, uri, headers, body })
    }
}

fn parse(request: &http::Request) -> Result<Url, Failure> {
    if request.url.len() > URL_BYTES_MAX {
        return Err(denied(format!("an address of {} bytes is too long", request.url.len())));
    }
    let mut url = Url::parse(&request.url).map_err(|e| denied(format!("not an address: {e}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(denied("an address may not hold a user or password".to_owned()));
    }
    url.set_fragment(None);
    Ok(url)
}

fn address(secrets: &Secrets, url: &Url) -> Result<Uri, Failure> {
    let mut url = url.clone();
    if let Some(query) = url.query() {
        let query = query.replace("%7B%7Bsecret:", "{{secret:").replace("%7D%7D", "}}");
        if Secrets::is_named_in(&query) {
            let filled = secrets.fill_query(&query).map_err(|name| no_secret(&name))?;
            url.set_query(Some(&String::from_utf8_lossy(&filled)));
        }
    }
    url.as_str().parse().map_err(|_| denied("not an address".to_owned()))
}

fn headers(secrets: &Secrets, wanted: &[(String, String)]) -> Result<HeaderMap, Failure> {
    if wanted.len() > HEADERS_MAX {
        return Err(denied(format!("{} headers are too many", wanted.len())));
    }
    let mut all = HeaderMap::with_capacity(wanted.len());
    for (name, value) in wanted {
        let lower = name.to_ascii_lowercase();
        if HEADERS_OF_THE_HOST.contains(&lower.as_str()) || lower.starts_with("proxy-") {
            return Err(denied(format!("header {lower} belongs to the host")));
        }
        let bad = || denied(format!("header {lower} is malformed"));
        let secret = Secrets::is_named_in(value);
        let filled = secrets.fill(value).map_err(|name| no_secret(&name))?;
        let mut value = HeaderValue::from_bytes(&filled).map_err(|_| bad())?;
        value.set_sensitive(secret);
        all.append(HeaderName::from_bytes(lower.as_bytes()).map_err(|_| bad())?, value);
    }
    Ok(all)
}

fn fill_body(secrets: &Secrets, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    match std::str::from_utf8(bytes) {
        Ok(text) => secrets.fill(text).map_err(|name| no_secret(&name)),
        Err(_) => Ok(bytes.to_vec()),
    }
}

fn no_secret(name: &str) -> Failure {
    denied(format!("secret {name} is not configured; to add it:\n[account.secrets]\n{name} = ..."))
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
