//! One WebSocket to the broker: connected, read and written by one thread.
//!
//! Apart from requests because a socket lives on. It follows no redirect, uses no address that the
//! grant does not cover, takes no message beyond its size, and never waits so long that its thread
//! could not end. It decides nothing: frames were permitted before, meaning is found later.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Bytes, Message, WebSocket};
use ureq::http::{HeaderMap, HeaderValue, Uri};
use url::Url;

use crate::wire::Client;

/// From the look-up of the host to the broker's answer of the handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Longest wait of one system call that reads.
const SLICE: Duration = Duration::from_millis(100);
/// Longest wait of one that writes; a broker that takes nothing for so long is gone.
const WRITE_MAX: Duration = Duration::from_secs(5);
/// Buffers of one socket, in bytes; they grow with a larger message.
const BUFFER_BYTES: usize = 16 << 10;

/// Where a socket goes, with its secrets filled in.
pub(crate) struct Target {
    /// Host, port and path.
    pub url: Url,
    /// Where the handshake goes.
    pub uri: Uri,
    /// Headers of the handshake.
    pub headers: HeaderMap,
    /// Largest message in bytes, either way.
    pub message_bytes: usize,
}

/// A message, either way.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Whether it was sent, or goes out, as binary.
    pub binary: bool,
    /// What it holds.
    pub data: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // One on its way out holds secrets.
        write!(f, "Frame of {} bytes", self.data.len())
    }
}

/// What came within a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A message.
    Frame(Frame),
    /// A sign of life.
    Alive,
    /// Nothing.
    Nothing,
}

/// An open socket.
pub(crate) struct Socket {
    ws: WebSocket<Stream>,
    until: Until,
    message_bytes: usize,
}

impl Socket {
    /// Connects and shakes hands. The error is for people; it may hold a secret.
    pub(crate) fn open(
        client: &Client,
        target: &Target,
        stopping: impl Fn() -> bool,
    ) -> Result<Self, String> {
        let deadline = Instant::now() + HANDSHAKE_MAX;
        let until = Until(Rc::new(Cell::new(deadline)));
        let wire = Wire { tcp: connect(client, &target.url, deadline)?, until: until.clone() };
        let stream = match target.url.scheme() {
            "wss" => Stream::Tls(Box::new(tls(&target.url, wire)?)),
            _ => Stream::Plain(wire),
        };
        let ws = shake_hands(stream, target, &until, deadline, stopping)?;
        Ok(Self { ws, until, message_bytes: target.message_bytes })
    }

    /// Waits for a message. The error says why the socket is of no use any more.
    pub(crate) fn receive(&mut self, wait: Duration) -> Result<Received, String> {
        self.until.0.set(Instant::now() + wait);
        let frame = |binary, data: Bytes| Received::Frame(Frame { binary, data: data.into() });
        match self.ws.read() {
            Ok(Message::Text(text)) => Ok(frame(false, text.into())),
            Ok(Message::Binary(data)) => Ok(frame(true, data)),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Ok(Received::Alive),
            Ok(Message::Close(why)) => Err(match why {
                None => "the broker closed it".to_owned(),
                Some(why) => {
                    format!("the broker closed it: {} {}", u16::from(why.code), why.reason)
                }
            }),
            Err(error) if would_block(&error) => Ok(Received::Nothing),
            Err(tungstenite::Error::Capacity(_)) => {
                Err(format!("a message of more than {} bytes", self.message_bytes))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Sends a message whole.
    pub(crate) fn send(&mut self, frame: Frame) -> Result<(), String> {
        let Frame { binary, data } = frame;
        self.put(match String::from_utf8(data) {
            Ok(text) if !binary => Message::text(text),
            Ok(text) => Message::binary(text.into_bytes()),
            Err(bytes) => Message::binary(bytes.into_bytes()),
        })
    }

    /// Asks for a sign of life.
    pub(crate) fn ping(&mut self) -> Result<(), String> {
        self.put(Message::Ping(Bytes::new()))
    }

    /// Says goodbye, without waiting for the answer.
    pub(crate) fn close(mut self) {
        // It may be gone already.
        drop(self.ws.close(None));
        drop(self.ws.flush());
    }

    fn put(&mut self, message: Message) -> Result<(), String> {
        self.until.0.set(Instant::now() + WRITE_MAX);
        self.ws.send(message).map_err(|error| error.to_string())
    }
}

fn connect(client: &Client, url: &Url, deadline: Instant) -> Result<TcpStream, String> {
    let left = || deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let scheme = if url.scheme() == "wss" { "https" } else { "http" };
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let uri: Uri = format!("{scheme}://{host}:{port}/").parse().map_err(|_| "not an address")?;
    let mut last = "no address".to_owned();
    for address in client.addresses(&uri, left())? {
        match TcpStream::connect_timeout(&address, left()) {
            Ok(tcp) => {
                let set = tcp
                    .set_nodelay(true)
                    .and_then(|()| tcp.set_read_timeout(Some(SLICE)))
                    .and_then(|()| tcp.set_write_timeout(Some(WRITE_MAX)));
                return set.map(|()| tcp).map_err(|error| error.to_string());
            }
            Err(error) => last = error.to_string(),
        }
    }
    client.unpin(&uri);
    Err(last)
}

fn tls(url: &Url, wire: Wire) -> Result<StreamOwned<ClientConnection, Wire>, String> {
    let name = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
    let connection =
        ClientConnection::new(tls_config()?, name).map_err(|error| error.to_string())?;
    Ok(StreamOwned::new(connection, wire))
}

/// What requests use too: ring, and the root certificates of the build.
fn tls_config() -> Result<Arc<ClientConfig>, String> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|builder| Arc::new(builder.with_root_certificates(roots()).with_no_client_auth()))
            .map_err(|error| error.to_string())
    });
    config.clone()
}

fn roots() -> RootCertStore {
    #[allow(unused_mut, reason = "tests trust one root more")]
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    #[cfg(test)]
    roots.add(crate::tests::tls_root()).unwrap();
    roots
}

fn shake_hands(
    stream: Stream,
    target: &Target,
    until: &Until,
    deadline: Instant,
    stopping: impl Fn() -> bool,
) -> Result<WebSocket<Stream>, String> {
    let mut request =
        target.uri.clone().into_client_request().map_err(|error| error.to_string())?;
    let agent = HeaderValue::from_static(concat!("bracketd/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert("user-agent", agent);
    request.headers_mut().extend(target.headers.clone());
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(target.message_bytes))
        .max_frame_size(Some(target.message_bytes));
    until.0.set(Instant::now() + SLICE);
    let mut round = tungstenite::client::client_with_config(request, stream, Some(config));
    loop {
        match round {
            Ok((ws, _answer)) => return Ok(ws),
            Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                let (status, rest) = (answer.status(), "a socket begins with 101, and no redirect");
                return Err(format!("it answered {status}: {rest} is followed"));
            }
            Err(HandshakeError::Failure(error)) => return Err(error.to_string()),
            Err(HandshakeError::Interrupted(_)) if Instant::now() >= deadline => {
                return Err(format!("no answer within {} s", HANDSHAKE_MAX.as_secs()));
            }
            Err(HandshakeError::Interrupted(_)) if stopping() => {
                return Err("the account ends".to_owned());
            }
            Err(HandshakeError::Interrupted(half)) => {
                until.0.set(Instant::now() + SLICE);
                round = half.handshake();
            }
        }
    }
}

fn would_block(error: &tungstenite::Error) -> bool {
    matches!(error, tungstenite::Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
}

/// Until when a call may read; a broker that sends byte by byte must not keep its thread.
#[derive(Clone)]
struct Until(Rc<Cell<Instant>>);

/// The connection below TLS.
struct Wire {
    tcp: TcpStream,
    until: Until,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until.0.get() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.tcp.read(buffer).map_err(|error| match error.kind() {
            // A process that was stopped goes on: nothing came, and nothing is wrong.
            ErrorKind::Interrupted => ErrorKind::WouldBlock.into(),
            _ => error,
        })
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.tcp.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

enum Stream {
    Plain(Wire),
    Tls(Box<StreamOwned<ClientConnection, Wire>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}
