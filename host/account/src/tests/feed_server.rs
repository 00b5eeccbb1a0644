//! A scripted server of WebSockets: does what a test tells it, and remembers what it was sent.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tungstenite::{Message, WebSocket};

use crate::tests::stage::WAIT;

/// What the server does next.
#[derive(Clone, Debug)]
pub(super) enum Do {
    /// Sends a text.
    Send(String),
    /// Sends bytes that are no frame.
    Raw(Vec<u8>),
    /// Says goodbye.
    Close,
    /// Reads and writes nothing any more, and keeps the connection.
    Freeze,
}

/// How the server begins with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// As the protocol wants it.
    Handshake,
    /// The same under TLS.
    Tls,
    /// With this answer instead.
    Answer(&'static str),
}

/// A server on loopback.
pub(super) struct FeedServer {
    /// `ws://127.0.0.1:PORT`, or `wss`.
    pub url: String,
    script: Sender<Do>,
    seen: Receiver<String>,
}

impl FeedServer {
    /// Listens on a free port.
    pub(super) fn start(greeting: Greeting) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if greeting == Greeting::Tls { "wss" } else { "ws" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (script, orders) = bounded(64);
        let (tell, seen) = bounded(1_024);
        thread::spawn(move || {
            // One connection after the other, as the account makes them.
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = tell.send("connected".to_owned());
                match greeting {
                    Greeting::Handshake => serve(stream, &orders, &tell),
                    Greeting::Tls => serve(tls(stream), &orders, &tell),
                    Greeting::Answer(text) => answer(stream, text),
                }
            }
        });
        Self { url, script, seen }
    }

    /// Does this on the connection there is.
    pub(super) fn act(&self, what: Do) {
        self.script.send(what).unwrap();
    }

    /// Sends a text.
    pub(super) fn send(&self, text: &str) {
        self.act(Do::Send(text.to_owned()));
    }

    /// What it saw next: `connected`, or a frame's text.
    pub(super) fn saw(&self) -> String {
        self.seen.recv_timeout(WAIT).expect("the server sees something")
    }

    /// Whether nothing more was seen so far.
    pub(super) fn saw_nothing(&self) -> bool {
        self.seen.is_empty()
    }
}

fn answer(mut stream: TcpStream, text: &str) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        request.push(byte[0]);
    }
    stream.write_all(text.as_bytes()).unwrap();
}

/// A connection, with or without TLS.
trait Link: Read + Write {
    /// The connection itself.
    fn tcp(&mut self) -> &mut TcpStream;
}

impl Link for TcpStream {
    fn tcp(&mut self) -> &mut TcpStream {
        self
    }
}

type Tls = rustls::StreamOwned<rustls::ServerConnection, TcpStream>;

impl Link for Tls {
    fn tcp(&mut self) -> &mut TcpStream {
        &mut self.sock
    }
}

fn tls(stream: TcpStream) -> Tls {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = vec![CertificateDer::from(include_bytes!("tls/leaf.der").as_slice())];
    let key = PrivateKeyDer::try_from(include_bytes!("tls/leaf.key.der").as_slice()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let connection = rustls::ServerConnection::new(std::sync::Arc::new(config)).unwrap();
    rustls::StreamOwned::new(connection, stream)
}

fn serve<L: Link>(stream: L, script: &Receiver<Do>, tell: &Sender<String>) {
    let Ok(mut socket) = tungstenite::accept(stream) else { return };
    socket.get_mut().tcp().set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    loop {
        match script.try_recv() {
            Ok(Do::Send(text)) => socket.send(Message::text(text)).unwrap(),
            Ok(Do::Raw(bytes)) => socket.get_mut().tcp().write_all(&bytes).unwrap(),
            Ok(Do::Close) => {
                socket.close(None).unwrap();
                return drain(&mut socket);
            }
            Ok(Do::Freeze) => {
                // Until the other side has had enough: its ping is read and not answered.
                while is_open(socket.get_mut().tcp()) {
                    thread::sleep(Duration::from_millis(5));
                }
                return;
            }
            Err(_) => {}
        }
        match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => {
                let text = String::from_utf8_lossy(&message.into_data()).into_owned();
                let _ = tell.send(text);
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

fn is_open(tcp: &mut TcpStream) -> bool {
    match tcp.read(&mut [0; 4_096]) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

fn drain<L: Link>(socket: &mut WebSocket<L>) {
    loop {
        match socket.read() {
            Err(tungstenite::Error::Io(error))
                if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
            Ok(_) => {}
        }
    }
}
