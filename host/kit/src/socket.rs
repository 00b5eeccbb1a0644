//! A bad wire under a WebSocket: stands between the account host and the broker's socket, and loses,
//! doubles or adds what the broker says.
//!
//! Apart from `network` because frames are no requests: nothing is asked, and what was lost is not
//! missed by anybody. It reads only the frames of the broker's side, which are not masked, and must
//! never change one that it passes on.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The first byte of a whole frame of text, and of one of bytes.
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
/// Payload lengths from here on stand in two bytes of their own, and from the next in eight.
const TWO_BYTES: u8 = 126;
const EIGHT_BYTES: u8 = 127;

#[derive(Default)]
struct Shared {
    /// Connections that were upgraded.
    opened: AtomicUsize,
    /// Frames of the broker that came.
    frames: AtomicUsize,
    loses: AtomicBool,
    doubles: AtomicBool,
    ends: AtomicBool,
    /// Both ends of the connection that is open.
    open: Mutex<Option<(TcpStream, TcpStream)>>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Option<(TcpStream, TcpStream)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wire. It listens until it is dropped.
pub(crate) struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Wire {
    /// Listens, and passes everything on to the broker at that address (`http://host:port`).
    pub(crate) fn before(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let wire = Self { address: listener.local_addr()?, shared: Arc::default() };
        let broker = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let shared = Arc::clone(&wire.shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.ends.load(Ordering::Acquire) {
                    return;
                }
                // One socket is open at a time, as the host has it; one that fails is opened again.
                drop(serve(&client, &broker, &shared));
                drop(client.shutdown(Shutdown::Both));
            }
        });
        Ok(wire)
    }

    /// Where it listens, `ws://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Sockets that were opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.shared.opened.load(Ordering::Acquire)
    }

    /// Frames that the broker sent so far.
    pub(crate) fn frames(&self) -> usize {
        self.shared.frames.load(Ordering::Acquire)
    }

    /// What the broker says is lost from now on, or no longer.
    pub(crate) fn lose(&self, loses: bool) {
        self.shared.loses.store(loses, Ordering::Release);
    }

    /// What the broker says comes twice from now on.
    pub(crate) fn double(&self) {
        self.shared.doubles.store(true, Ordering::Release);
    }

    /// A frame that the broker never sent; of text, where it is some.
    pub(crate) fn say(&self, text: &[u8]) -> Result<()> {
        let mut open = self.shared.open();
        let Some((client, _)) = open.as_mut() else { return Ok(()) };
        let mut frame = vec![if std::str::from_utf8(text).is_ok() { TEXT } else { BINARY }];
        match u16::try_from(text.len()) {
            Ok(length) if length < u16::from(TWO_BYTES) => {
                frame.extend(length.to_be_bytes().last())
            }
            Ok(length) => {
                frame.push(TWO_BYTES);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => {
                frame.push(EIGHT_BYTES);
                frame.extend((text.len() as u64).to_be_bytes());
            }
        }
        frame.extend(text);
        client.write_all(&frame)
    }

    /// The connection breaks.
    pub(crate) fn cut(&self) {
        if let Some((client, broker)) = self.shared.open().take() {
            for end in [client, broker] {
                // One that is closed already is what was wanted.
                drop(end.shutdown(Shutdown::Both));
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        self.cut();
        // Wakes the listener, which then looks.
        drop(TcpStream::connect(self.address));
    }
}

/// One socket, from its handshake to its end.
fn serve(client: &TcpStream, broker: &str, shared: &Shared) -> Result<()> {
    let upstream = TcpStream::connect(broker)?;
    upstream.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (mut from, mut to) = (client.try_clone()?, upstream.try_clone()?);
    let goes_up = std::thread::spawn(move || {
        // It ends with either end.
        drop(std::io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Both));
    });
    let mut said = BufReader::new(upstream.try_clone()?);
    let mut out = client.try_clone()?;
    loop {
        let mut line = Vec::new();
        said.read_until(b'\n', &mut line)?;
        out.write_all(&line)?;
        if line.len() <= 2 {
            break;
        }
    }
    *shared.open() = Some((client.try_clone()?, upstream));
    shared.opened.fetch_add(1, Ordering::AcqRel);
    while let Ok(frame) = frame(&mut said) {
        shared.frames.fetch_add(1, Ordering::AcqRel);
        let times = match shared.loses.load(Ordering::Acquire) {
            true => 0,
            false => 1 + usize::from(shared.doubles.load(Ordering::Acquire)),
        };
        // So that nothing of ours comes between the bytes of one frame.
        let _held = shared.open();
        for _ in 0..times {
            out.write_all(&frame)?;
        }
    }
    drop(shared.open().take());
    drop(client.shutdown(Shutdown::Both));
    drop(goes_up.join());
    Ok(())
}

/// The next frame with its header, as it came.
fn frame(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut head = [0; 2];
    from.read_exact(&mut head)?;
    let mut frame = head.to_vec();
    let [_, length] = head;
    let mut long = [0; 8];
    let bytes = match length & 0x7f {
        TWO_BYTES => long.get_mut(6..),
        EIGHT_BYTES => long.get_mut(..),
        _ => None,
    };
    let length = match bytes {
        Some(bytes) => {
            from.read_exact(bytes)?;
            frame.extend_from_slice(bytes);
            u64::from_be_bytes(long)
        }
        None => u64::from(length & 0x7f),
    };
    from.take(length).read_to_end(&mut frame)?;
    Ok(frame)
}
