//! A bad network: stands between the daemon and the exchange, and loses, delays or garbles what it
//! is told to.
//!
//! Apart from the exchange because these faults are nobody's answer: a broker's front door, a
//! proxy or a cable makes them, with or without the request's effect behind it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Taken and never answered; the exchange never sees it.
    Hang,
    /// Done by the exchange and never answered.
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
    /// It is done, and the answer ends in the middle.
    CutAfter,
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
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    healed: Condvar,
}

/// The network. It ends with the process.
pub(crate) struct Proxy {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens, and passes everything on to the exchange at that address.
    pub(crate) fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let shared = Arc::new(Shared::default());
        let all = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (upstream, shared) = (upstream.clone(), Arc::clone(&all));
                // A connection that breaks is what this is for.
                std::thread::spawn(move || drop(serve(stream, &upstream, &shared)));
            }
        });
        Self { url, shared }
    }

    /// From now on these requests meet a fault.
    pub(crate) fn fail(&self, rule: impl Fn(&str, &str) -> Option<Fault> + Send + 'static) {
        self.shared.state().rule = Some(Box::new(rule));
    }

    /// Everything passes again; what hangs is dropped.
    pub(crate) fn heal(&self) {
        let mut state = self.shared.state();
        state.rule = None;
        state.heals += 1;
        drop(state);
        self.shared.healed.notify_all();
    }

    /// How many requests with this beginning came so far.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        self.shared.state().seen.iter().filter(|line| line.starts_with(beginning)).count()
    }

    /// Everything that could change something at the exchange.
    pub(crate) fn writes(&self) -> usize {
        ["POST", "PATCH", "DELETE"].iter().map(|method| self.count(method)).sum()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_heal(&self) {
        let state = self.state();
        let before = state.heals;
        drop(self.healed.wait_while(state, |state| state.heals == before));
    }
}

fn serve(client: TcpStream, upstream: &str, shared: &Shared) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut from_client = BufReader::new(client.try_clone()?);
    loop {
        let Some(request) = message(&mut from_client)? else { return Ok(()) };
        let line = String::from_utf8_lossy(&request);
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let fault = {
            let mut state = shared.state();
            state.seen.push(format!("{method} {path}"));
            state.rule.as_ref().and_then(|rule| rule(method, path))
        };
        let mut out = &client;
        match fault {
            None => out.write_all(&pass_on(upstream, &request)?)?,
            Some(Fault::Slow(time)) => {
                std::thread::sleep(time);
                out.write_all(&pass_on(upstream, &request)?)?;
            }
            Some(Fault::Hang) => {
                shared.wait_for_heal();
                return Ok(());
            }
            Some(Fault::HangAfter) => {
                pass_on(upstream, &request)?;
                shared.wait_for_heal();
                return Ok(());
            }
            Some(Fault::Reset) => return Ok(()),
            Some(Fault::ResetAfter) => return pass_on(upstream, &request).map(drop),
            Some(Fault::Answer(status, body)) => out.write_all(&answer(status, body))?,
            Some(Fault::AnswerAfter(status, body)) => {
                pass_on(upstream, &request)?;
                out.write_all(&answer(status, body))?;
            }
            Some(Fault::CutAfter) => {
                let whole = pass_on(upstream, &request)?;
                return out.write_all(whole.get(..whole.len() / 2).unwrap_or_default());
            }
        }
    }
}

fn answer(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Fault\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Sends a request to the exchange and reads its answer.
fn pass_on(upstream: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream)?;
    stream.set_nodelay(true)?;
    stream.write_all(request)?;
    message(&mut BufReader::new(stream))?.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

/// A whole message, head and body; none at the end of the connection.
fn message(from: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    loop {
        let before = bytes.len();
        if from.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(bytes.get(before..).unwrap_or_default()).to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let head = bytes.len();
    bytes.resize(head + length, 0);
    from.read_exact(bytes.get_mut(head..).unwrap_or_default())?;
    Ok(Some(bytes))
}
