//! A bad network: stands between a client and a broker, and loses, delays or garbles what it is told
//! to.
//!
//! Apart from any broker because these faults are nobody's answer: a broker's front door, a proxy or
//! a cable makes them, with or without the request's effect behind it. It must never send a request
//! on twice.

use std::collections::HashMap;
use std::io::{BufReader, Error, ErrorKind, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::message;

/// How long a port that was given up may take to come back.
const REBIND_MAX: Duration = Duration::from_secs(5);

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Taken and never answered; the broker never sees it.
    Hang,
    /// Done by the broker and never answered.
    HangAfter,
    /// Answered so much later.
    Slow(Duration),
    /// The connection breaks before anything is done.
    Reset,
    /// The connection breaks after it was done.
    ResetAfter,
    /// This status and body instead of an answer; nothing is done.
    Answer(u16, &'static str),
    /// It is done, and this is answered instead.
    AnswerAfter(u16, &'static str),
    /// As [`Fault::Answer`], with header lines, each ended by CR LF.
    AnswerWith(u16, &'static str, &'static str),
    /// It is done, and the connection breaks in the middle of the answer.
    CutAfter,
    /// It is done, and the answer's body ends in the middle, as if it were whole.
    ShortAfter,
    /// It is done, and the answer comes byte by byte with this pause between them.
    DripAfter(Duration),
}

/// Which requests a fault meets, by method and path.
type Rule = Box<dyn Fn(&str, &str) -> Option<Fault> + Send>;

#[derive(Default)]
struct State {
    rule: Option<Rule>,
    /// Requests that came, as `METHOD /path`.
    seen: Vec<String>,
    /// Counts the heals: what hangs is let go by the next one.
    heals: u64,
    /// Open connections, by their number.
    clients: HashMap<u64, TcpStream>,
    connections: u64,
    /// An answer that was to be shortened had nothing in it.
    was_empty: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    healed: Condvar,
    is_down: AtomicBool,
}

/// The network. It listens until it is dropped.
pub struct Network {
    address: SocketAddr,
    upstream: String,
    shared: Arc<Shared>,
    listens: Mutex<Option<JoinHandle<()>>>,
}

impl Network {
    /// Listens, and passes everything on to the broker at that address (`http://host:port`).
    ///
    /// # Errors
    /// Where no port is free.
    pub fn before(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let network = Self {
            address: listener.local_addr()?,
            upstream: upstream.trim_start_matches("http://").trim_end_matches('/').to_owned(),
            shared: Arc::default(),
            listens: Mutex::default(),
        };
        network.listen(listener);
        Ok(network)
    }

    /// Where it listens, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on these requests meet a fault.
    pub fn fail(&self, rule: impl Fn(&str, &str) -> Option<Fault> + Send + 'static) {
        self.shared.state().rule = Some(Box::new(rule));
    }

    /// Everything passes again; what hangs is dropped.
    pub fn heal(&self) {
        self.shared.state().rule = None;
        self.let_go();
    }

    /// What hangs is dropped.
    pub fn let_go(&self) {
        self.shared.state().heals += 1;
        self.shared.healed.notify_all();
    }

    /// Nobody listens any more, and every connection ends.
    pub fn go_down(&self) {
        self.shared.is_down.store(true, Ordering::Release);
        // Wakes the listener, which then looks.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.listens().take() {
            // It has nothing to tell; what counts is that the port is closed.
            drop(thread.join());
        }
        for (_, client) in self.shared.state().clients.drain() {
            // One that is closed already is what was wanted.
            drop(client.shutdown(Shutdown::Both));
        }
        self.let_go();
    }

    /// It listens again, at the same address.
    ///
    /// # Errors
    /// Where somebody else took the port.
    pub fn come_up(&self) -> Result<()> {
        let began = Instant::now();
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(why) if began.elapsed() > REBIND_MAX => return Err(why),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        self.shared.is_down.store(false, Ordering::Release);
        self.listen(listener);
        Ok(())
    }

    /// How many requests with this beginning came so far.
    pub fn count(&self, beginning: &str) -> usize {
        self.shared.state().seen.iter().filter(|line| line.starts_with(beginning)).count()
    }

    /// Everything that could change something at the broker.
    pub fn writes(&self) -> usize {
        ["POST", "PUT", "PATCH", "DELETE"].iter().map(|method| self.count(method)).sum()
    }

    /// Every request that came so far, as `METHOD /path`.
    pub fn lines(&self) -> Vec<String> {
        self.shared.state().seen.clone()
    }

    /// Whether an answer that was to be shortened had no body, and passed as it was.
    pub fn was_empty(&self) -> bool {
        self.shared.state().was_empty
    }

    fn listens(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.listens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, listener: TcpListener) {
        let (upstream, shared) = (self.upstream.clone(), Arc::clone(&self.shared));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_down.load(Ordering::Acquire) {
                    return;
                }
                let (upstream, shared) = (upstream.clone(), Arc::clone(&shared));
                // A connection that breaks is what this is for.
                std::thread::spawn(move || drop(serve(stream, &upstream, &shared)));
            }
        });
        *self.listens() = Some(thread);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if !self.shared.is_down.load(Ordering::Acquire) {
            self.go_down();
        }
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Network({} -> {})", self.address, self.upstream)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn joined(&self, client: TcpStream) -> u64 {
        let mut state = self.state();
        state.connections += 1;
        let number = state.connections;
        state.clients.insert(number, client);
        number
    }

    fn wait_for_heal(&self) {
        let state = self.state();
        let before = state.heals;
        drop(self.healed.wait_while(state, |state| state.heals == before));
    }

    fn fault(&self, method: &str, path: &str) -> Option<Fault> {
        let mut state = self.state();
        state.seen.push(format!("{method} {path}"));
        state.rule.as_ref().and_then(|rule| rule(method, path))
    }
}

fn serve(client: TcpStream, upstream: &str, shared: &Shared) -> Result<()> {
    client.set_nodelay(true)?;
    let number = shared.joined(client.try_clone()?);
    let served = answer_all(&client, upstream, shared);
    shared.state().clients.remove(&number);
    // The other end may have been first.
    drop(client.shutdown(Shutdown::Both));
    served
}

fn answer_all(client: &TcpStream, upstream: &str, shared: &Shared) -> Result<()> {
    let mut from_client = BufReader::new(client.try_clone()?);
    while let Some(request) = message::request(&mut from_client)? {
        let line = String::from_utf8_lossy(&request);
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        match shared.fault(method, path) {
            None => {
                let mut client = client;
                client.write_all(&pass_on(upstream, &request)?)?;
            }
            Some(fault) if !suffer(fault, client, &request, upstream, shared)? => break,
            Some(_) => {}
        }
    }
    Ok(())
}

/// Does to a request what the fault says; `false`: the connection ends here.
fn suffer(
    fault: Fault,
    mut client: &TcpStream,
    request: &[u8],
    upstream: &str,
    shared: &Shared,
) -> Result<bool> {
    match fault {
        Fault::Slow(time) => {
            std::thread::sleep(time);
            client.write_all(&pass_on(upstream, request)?)?;
        }
        Fault::Hang => {
            shared.wait_for_heal();
            return Ok(false);
        }
        Fault::HangAfter => {
            pass_on(upstream, request)?;
            shared.wait_for_heal();
            return Ok(false);
        }
        Fault::Reset => return Ok(false),
        Fault::ResetAfter => {
            pass_on(upstream, request)?;
            return Ok(false);
        }
        Fault::Answer(status, body) => client.write_all(&answer(status, "", body))?,
        Fault::AnswerWith(status, headers, body) => {
            client.write_all(&answer(status, headers, body))?;
        }
        Fault::AnswerAfter(status, body) => {
            pass_on(upstream, request)?;
            client.write_all(&answer(status, "", body))?;
        }
        Fault::CutAfter => {
            let whole = pass_on(upstream, request)?;
            client.write_all(whole.get(..whole.len() / 2).unwrap_or_default())?;
            return Ok(false);
        }
        Fault::ShortAfter => {
            let whole = pass_on(upstream, request)?;
            let body = message::body(&whole);
            if body.is_empty() {
                shared.state().was_empty = true;
                client.write_all(&whole)?;
                return Ok(true);
            }
            let half = body.get(..body.len() / 2).unwrap_or_default();
            client.write_all(&answer(200, "", &String::from_utf8_lossy(half)))?;
        }
        Fault::DripAfter(pause) => {
            let whole = pass_on(upstream, request)?;
            for byte in whole {
                std::thread::sleep(pause);
                client.write_all(&[byte])?;
            }
        }
    }
    Ok(true)
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Fault\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

/// Sends a request to the broker and reads its answer.
fn pass_on(upstream: &str, request: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream)?;
    stream.set_nodelay(true)?;
    stream.write_all(request)?;
    let answer = message::answer(&mut BufReader::new(stream), request.starts_with(b"HEAD "))?;
    answer.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))
}
