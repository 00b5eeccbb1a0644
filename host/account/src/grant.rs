//! Grants: where a plugin may send a request, and which requests are writes.
//!
//! Apart because this is the one gate between a guest and the network. The grant decides, never
//! the guest's word; a denial names the lines of the configuration that would allow it.

use std::net::IpAddr;

use url::{Host, Url};

use crate::frame::FrameRule;

/// So often a path is decoded at most before it is given up.
const DECODINGS_MAX: usize = 4;

/// The scheme of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `https`.
    Https,
    /// `http`: for a broker on this machine.
    Http,
    /// `wss`: a socket with TLS.
    Wss,
    /// `ws`: a socket to a broker on this machine.
    Ws,
}

impl Scheme {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Wss => "wss",
            Self::Ws => "ws",
        }
    }

    /// The port where none is named.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Https | Self::Wss => 443,
            Self::Http | Self::Ws => 80,
        }
    }

    /// Whether it is a socket's.
    pub fn is_socket(self) -> bool {
        matches!(self, Self::Wss | Self::Ws)
    }
}

/// One place a plugin may send requests to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it is for: requests (`https`, `http`) or sockets (`wss`, `ws`).
    pub scheme: Scheme,
    /// Exact host name or address, lower case; there is no wildcard.
    pub host: String,
    /// Port; none = the scheme's own.
    pub port: Option<u16>,
    /// Methods, upper case; empty = every method.
    pub methods: Vec<String>,
    /// Path prefixes on segment borders; empty = every path.
    pub paths: Vec<String>,
    /// Path prefixes whose POST is a read (a search, a token): everything else but GET and HEAD is
    /// a write.
    pub reads: Vec<String>,
    /// Whether the host may be loopback or in a private range.
    pub private: bool,
    /// Whether `{{secret:NAME}}` is also filled in bodies.
    pub secrets_in_body: bool,
    /// Frames of a socket that are reads; every other one is a write, which no stream may make.
    pub frames: Vec<FrameRule>,
}

impl Grant {
    /// Everything at an origin, public addresses only.
    ///
    /// # Errors
    /// The text, when it is not `http(s)://host[:port]` or `ws(s)://host[:port]`.
    pub fn origin(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| format!("{text}: {e}"))?;
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            "wss" => Scheme::Wss,
            "ws" => Scheme::Ws,
            other => {
                return Err(format!("{text}: scheme {other}, expected https, http, wss or ws"));
            }
        };
        let host = url.host_str().ok_or_else(|| format!("{text}: no host"))?.to_owned();
        Ok(Self {
            scheme,
            host,
            port: url.port(),
            methods: Vec::new(),
            paths: Vec::new(),
            reads: Vec::new(),
            private: false,
            secrets_in_body: false,
            frames: Vec::new(),
        })
    }

    /// The same, with loopback and private ranges allowed.
    #[must_use]
    pub fn with_private(mut self) -> Self {
        self.private = true;
        self
    }

    fn is_origin_of(&self, url: &Url) -> bool {
        let port = self.port.unwrap_or(self.scheme.default_port());
        url.scheme() == self.scheme.as_str()
            && url.host_str().is_some_and(|h| h.eq_ignore_ascii_case(&self.host))
            && url.port_or_known_default() == Some(port)
    }

    fn covers(&self, method: &str, path: &str) -> bool {
        (self.methods.is_empty() || self.methods.iter().any(|m| m == method))
            && (self.paths.is_empty() || self.paths.iter().any(|p| is_under(path, p)))
    }
}

/// What the grants say of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permit {
    /// Whether it counts as a write.
    pub write: bool,
    /// Whether the address may be private.
    pub private: bool,
    /// Whether secrets are filled in its body.
    pub secrets_in_body: bool,
}

/// Finds the grant of a request, or says which lines would allow it.
pub(crate) fn permit(grants: &[Grant], method: &str, url: &Url) -> Result<Permit, String> {
    let path = url.path();
    if is_ambiguous(path) {
        return Err(format!(
            "{method} {path}: a path that a server could take for another one (an encoded `..`, a \
             control character); write the path that is meant"
        ));
    }
    let mut requests = grants.iter().filter(|g| !g.scheme.is_socket());
    let found = requests.find(|g| g.is_origin_of(url) && g.covers(method, path));
    let Some(grant) = found else { return Err(denial(method, url, false)) };
    let read = matches!(method, "GET" | "HEAD")
        || (method == "POST" && grant.reads.iter().any(|p| is_under(path, p)));
    if !grant.private && literal(url).is_some_and(is_private) {
        return Err(denial(method, url, true));
    }
    Ok(Permit { write: !read, private: grant.private, secrets_in_body: grant.secrets_in_body })
}

/// Finds the grant of a socket, or says which lines would allow it.
pub(crate) fn permit_socket<'a>(grants: &'a [Grant], url: &Url) -> Result<&'a Grant, String> {
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(format!("a socket's scheme is wss or ws, not {}", url.scheme()));
    }
    let mut sockets = grants.iter().filter(|g| g.scheme.is_socket());
    let covers = |g: &&Grant| g.is_origin_of(url) && g.covers("GET", url.path());
    let grant = sockets.find(covers).ok_or_else(|| socket_denial(url, false))?;
    if !grant.private && literal(url).is_some_and(is_private) {
        return Err(socket_denial(url, true));
    }
    Ok(grant)
}

fn literal(url: &Url) -> Option<IpAddr> {
    match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) | None => None,
    }
}

/// The text of a denial, with the configuration that would lift it.
fn denial(method: &str, url: &Url, private: bool) -> String {
    denied(&format!("{method} "), url, &format!("\nmethods = [\"{method}\"]"), private)
}

/// The same of a socket, which has no method.
fn socket_denial(url: &Url, private: bool) -> String {
    denied("the socket ", url, "", private)
}

fn denied(what: &str, url: &Url, methods: &str, private: bool) -> String {
    let (why, extra) =
        if private { ("is a private address", "\nprivate = true") } else { ("is not granted", "") };
    let (scheme, host) = (url.scheme(), url.host_str().unwrap_or("?"));
    let (table, path) = (grant_table(url, methods), url.path());
    format!("{what}{scheme}://{host}{path} {why}; to allow it:\n{table}{extra}")
}

/// The table of a grant for this address; `methods` is its line for them.
pub(crate) fn grant_table(url: &Url, methods: &str) -> String {
    let (scheme, host, path) = (url.scheme(), url.host_str().unwrap_or("?"), url.path());
    let port = url.port().map(|p| format!("\nport = {p}")).unwrap_or_default();
    format!(
        "[[account.grant]]\nscheme = \"{scheme}\"\nhost = \"{host}\"{port}{methods}\npaths = \
         [\"{path}\"]"
    )
}

/// Whether an address is not on the public internet, metadata services included.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b))
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            v6.to_ipv4().is_some_and(|v4| is_private(IpAddr::V4(v4)))
                || v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || (a & 0xfe00) == 0xfc00
                || (a & 0xffc0) == 0xfe80
                || (a & 0xffc0) == 0xfec0
                || a == 0x2002
                || (a == 0x64 && b == 0xff9b)
                || (a == 0x2001 && b < 0x200)
                || (a == 0x2001 && b == 0xdb8)
        }
    }
}

/// Whether a server that decodes more, or more often, than a URL does would see another path: then a
/// prefix says nothing of it. A slash inside of a symbol (`BTC%2FUSD`) is not meant.
fn is_ambiguous(path: &str) -> bool {
    let mut seen = path.as_bytes().to_vec();
    for _ in 0..DECODINGS_MAX {
        let decoded: Vec<u8> = percent_decoded(&seen);
        if decoded == seen {
            let mut segments = seen.split(|b| matches!(b, b'/' | b'\\'));
            let climbs = |segment: &[u8]| {
                // Some servers drop what follows a semicolon before they look for dots.
                matches!(segment.split(|b| *b == b';').next(), Some(b"." | b".."))
            };
            return segments.any(climbs) || seen.iter().any(u8::is_ascii_control);
        }
        seen = decoded;
    }
    true
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if let (b'%', [high, low, behind @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            out.push(high << 4 | low);
            rest = behind;
        } else {
            out.push(*first);
        }
    }
    out
}

fn is_under(path: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants() -> Vec<Grant> {
        let mut broker = Grant::origin("https://api.broker.example").unwrap();
        broker.paths = vec!["/v2".to_owned()];
        broker.reads = vec!["/v2/search".to_owned()];
        let mut data = Grant::origin("https://data.broker.example").unwrap();
        data.methods = vec!["GET".to_owned()];
        vec![broker, data, Grant::origin("http://127.0.0.1:9").unwrap()]
    }

    #[test]
    fn the_grant_decides_what_is_allowed_and_what_is_a_write() {
        for (method, url, want) in [
            ("GET", "https://api.broker.example/v2/orders", Some(false)),
            ("POST", "https://api.broker.example/v2/orders", Some(true)),
            ("DELETE", "https://api.broker.example/v2/orders/1", Some(true)),
            ("POST", "https://api.broker.example/v2/search", Some(false)),
            ("POST", "https://api.broker.example/v2/searches", Some(true)),
            ("PUT", "https://api.broker.example/v2/search", Some(true)),
            ("GET", "https://API.BROKER.EXAMPLE/v2/x", Some(false)),
            ("GET", "https://api.broker.example/v1/orders", None),
            ("GET", "https://api.broker.example/v2/../v1", None),
            ("GET", "https://api.broker.example/v22", None),
            ("GET", "http://api.broker.example/v2/x", None),
            ("GET", "https://api.broker.example:444/v2/x", None),
            ("GET", "https://api.broker.example.evil.example/v2/x", None),
            ("POST", "https://data.broker.example/x", None),
            ("GET", "http://127.0.0.1:9/x", None),
        ] {
            let got = permit(&grants(), method, &Url::parse(url).unwrap());
            assert_eq!(got.as_ref().ok().map(|p| p.write), want, "{method} {url}: {got:?}");
        }
    }

    #[test]
    fn a_path_that_another_reader_could_take_for_another_one_is_denied() {
        for (method, path, want) in [
            // A symbol with a slash in it, as Alpaca writes it.
            ("GET", "/v2/assets/BTC%2FUSD", Some(false)),
            ("GET", "/v2/assets/BRK.B", Some(false)),
            ("GET", "/v2/a..b", Some(false)),
            ("POST", "/v2/search/..%2Forders", None),
            ("POST", "/v2/search/..%2forders", None),
            ("POST", "/v2/search/..%5Corders", None),
            ("POST", "/v2/search/%252e%252e/orders", None),
            ("POST", "/v2/search/%252e%252e%252forders", None),
            ("POST", "/v2/search/..;/orders", None),
            ("POST", "/v2/search/..;x=1/orders", None),
            ("GET", "/v2/..%2F..%2Fadmin", None),
            ("GET", "/v2/%25252525252525252e%2e/x", None),
            ("GET", "/v2/x%00y", None),
            // What a path prefix covers is not known where segments are empty.
            ("POST", "/v2//search", Some(true)),
        ] {
            let url = Url::parse(&format!("https://api.broker.example{path}")).unwrap();
            let got = permit(&grants(), method, &url);
            assert_eq!(got.as_ref().ok().map(|p| p.write), want, "{method} {path}: {got:?}");
        }
    }

    #[test]
    fn a_denial_names_the_lines_that_would_lift_it() {
        let url = Url::parse("https://other.example:8443/v1/x").unwrap();
        let text = permit(&grants(), "PATCH", &url).unwrap_err();
        for line in [
            "[[account.grant]]",
            "host = \"other.example\"",
            "port = 8443",
            "methods = [\"PATCH\"]",
            "paths = [\"/v1/x\"]",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let loopback = Url::parse("http://127.0.0.1:9/").unwrap();
        assert!(permit(&grants(), "GET", &loopback).unwrap_err().contains("private = true"));
    }

    #[test]
    fn a_socket_needs_a_grant_of_its_own_and_a_request_finds_none_in_it() {
        let mut stream = Grant::origin("wss://stream.broker.example").unwrap();
        stream.paths = vec!["/stream".to_owned()];
        let grants = [grants(), vec![stream, Grant::origin("ws://127.0.0.1:9").unwrap()]].concat();
        for (url, words) in [
            ("wss://stream.broker.example/stream", None),
            ("wss://stream.broker.example/orders", Some("paths = [\"/orders\"]")),
            ("ws://stream.broker.example/stream", Some("scheme = \"ws\"")),
            ("wss://api.broker.example/v2", Some("host = \"api.broker.example\"")),
            ("https://api.broker.example/v2", Some("a socket's scheme is wss or ws")),
            ("ws://127.0.0.1:9/x", Some("private = true")),
        ] {
            let got = permit_socket(&grants, &Url::parse(url).unwrap()).map(|_| ());
            let fits = match (&got, words) {
                (Ok(()), None) => true,
                (Err(text), Some(words)) => text.contains(words),
                _ => false,
            };
            assert!(fits, "{url}: {got:?}");
        }
        let request = Url::parse("wss://stream.broker.example/stream").unwrap();
        assert!(permit(&grants, "GET", &request).is_err(), "a socket's grant is none for requests");
    }

    #[test]
    fn private_ranges_in_every_spelling() {
        for (ip, want) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("192.168.1.1", true),
            ("169.254.169.254", true),
            ("100.64.0.1", true),
            ("0.0.0.0", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:169.254.169.254", true),
            ("fd00:ec2::254", true),
            ("fe80::1", true),
            ("64:ff9b::7f00:1", true),
            ("8.8.8.8", false),
            ("100.128.0.1", false),
            ("2606:4700::1", false),
        ] {
            assert_eq!(is_private(ip.parse().unwrap()), want, "{ip}");
        }
    }
}
