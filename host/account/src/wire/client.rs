//! One request to the broker, from a checked description to a scrubbed answer.
//!
//! It decides nothing: grants were checked before, meaning is found later. It never retries.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use ureq::unversioned::transport::{Connector, RustlsConnector, TcpConnector};
use ureq::{Agent, Body, Error};

use crate::grant::Grant;
use crate::secret::Secrets;
use crate::wire::resolver::{PinnedResolver, Pins, PrivateAddress};
use crate::wire::witness::{self, Sent, WitnessConnector};

/// Largest response head in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Connections kept open per host: the writers, the readers and some that outlived their guest.
const IDLE_CONNECTIONS: usize = 16;

/// A request that passed the grant, with its secrets filled in.
pub(crate) struct Prepared {
    /// Its method.
    pub method: Method,
    /// Its address.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Option<Vec<u8>>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers and query hold secrets.
        write!(f, "{} {}", self.method, self.uri.path())
    }
}

/// An answer without secrets.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The kind.
    pub why: Why,
    /// How much of the request left.
    pub sent: Sent,
    /// For people; holds no secret.
    pub message: String,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The host refused to send it.
    Denied,
    /// Another generation may write by now.
    Fenced,
    /// Out of time.
    Timeout,
    /// No connection, or it broke.
    Connect,
    /// TLS.
    Tls,
    /// The answer is too large.
    TooLarge,
    /// The answer is not HTTP.
    Protocol,
    /// Anything else.
    Other,
}

/// The connection pool of one account.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    pins: Pins,
    /// For sockets: the same pins and the same rules.
    resolver: PinnedResolver,
    response_bytes: usize,
}

impl Client {
    /// A pool that may connect where the grants allow.
    pub(crate) fn new(grants: &[Grant], response_bytes: usize) -> Self {
        let pins = Pins::default();
        let private: Vec<String> =
            grants.iter().filter(|g| g.private).map(|g| g.host.clone()).collect();
        let config = Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .http_status_as_error(false)
            .no_delay(true)
            .max_response_header_size(HEAD_BYTES_MAX)
            .max_idle_connections(IDLE_CONNECTIONS)
            .max_idle_connections_per_host(IDLE_CONNECTIONS)
            .user_agent(concat!("bracketd/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector =
            ().chain(TcpConnector::default())
                .chain(RustlsConnector::default())
                .chain(WitnessConnector);
        let resolver = || PinnedResolver::new(pins.clone(), private.clone());
        let agent = Agent::with_parts(config, connector, resolver());
        Self { agent, resolver: resolver(), pins, response_bytes }
    }

    /// The pinned addresses of a host, for a socket; `uri` is http or https.
    pub(crate) fn addresses(
        &self,
        uri: &Uri,
        timeout: Duration,
    ) -> Result<Vec<SocketAddr>, String> {
        let found = self.resolver.addresses(uri, self.agent.config(), timeout);
        found.map_err(|error| error.to_string())
    }

    /// No address of this host answers: the next connection looks them up again.
    pub(crate) fn unpin(&self, uri: &Uri) {
        self.pins.drop_pin(uri);
    }

    /// Sends a request on this thread and reads the whole answer, all before `deadline`.
    pub(crate) fn run(
        &self,
        prepared: Prepared,
        deadline: Instant,
        secrets: &Secrets,
    ) -> Result<Reply, Failure> {
        witness::reset();
        let uri = prepared.uri.clone();
        let left = deadline.saturating_duration_since(Instant::now());
        self.exchange(prepared, left).map(|reply| clean(reply, secrets)).map_err(|error| {
            let sent = witness::mark();
            if sent == Sent::No {
                self.pins.drop_pin(&uri);
            }
            let message = secrets.scrub_text(&error.to_string());
            Failure { why: why(&error), sent, message }
        })
    }

    fn exchange(&self, prepared: Prepared, left: Duration) -> Result<RawReply, Error> {
        let Prepared { method, uri, headers, body } = prepared;
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(all) = request.headers_mut() {
            *all = headers;
        }
        let answer = match body {
            Some(bytes) => {
                let request = request.body(bytes)?;
                self.agent.run(self.timed(request, left))?
            }
            None => self.agent.run(self.timed(request.body(())?, left))?,
        };
        let (parts, mut body): (_, Body) = answer.into_parts();
        let limit = u64::try_from(self.response_bytes).unwrap_or(u64::MAX);
        let body = body.with_config().limit(limit).read_to_vec()?;
        Ok(RawReply { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    fn timed<B: ureq::AsSendBody>(&self, request: Request<B>, left: Duration) -> Request<B> {
        self.agent.configure_request(request).timeout_global(Some(left)).build()
    }
}

struct RawReply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

fn clean(raw: RawReply, secrets: &Secrets) -> Reply {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = secrets.scrub(value.as_bytes().to_vec());
        (name.as_str().to_owned(), String::from_utf8_lossy(&value).into_owned())
    };
    Reply {
        status: raw.status,
        headers: raw.headers.iter().map(text).collect(),
        body: secrets.scrub(raw.body),
    }
}

fn why(error: &Error) -> Why {
    match error {
        Error::Timeout(_) => Why::Timeout,
        Error::Io(_) | Error::HostNotFound | Error::ConnectionFailed => Why::Connect,
        Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) | Error::TlsRequired => Why::Tls,
        Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => Why::TooLarge,
        Error::Protocol(_) | Error::Http(_) | Error::BadUri(_) => Why::Protocol,
        Error::Other(inner) if inner.is::<PrivateAddress>() => Why::Denied,
        _ => Why::Other,
    }
}
