//! A broker of a few lines: answers by path, and remembers what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use crate::lock::lock;

/// One request as the broker read it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// `METHOD /path`.
    pub line: String,
    /// Header lines, lower case.
    pub headers: Vec<String>,
}

/// A broker on loopback.
pub(super) struct Broker {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Broker {
    /// Listens on a free port.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let (all, opened) = (seen.clone(), gate.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (all, opened) = (all.clone(), opened.clone());
                thread::spawn(move || serve(&stream, &all, &opened));
            }
        });
        Self { url, seen, gate }
    }

    /// What it was sent so far.
    pub(super) fn lines(&self) -> Vec<String> {
        lock(&self.seen).iter().map(|s| s.line.clone()).collect()
    }

    /// The headers of the first request to that path.
    pub(super) fn headers(&self, line: &str) -> Vec<String> {
        lock(&self.seen).iter().find(|s| s.line == line).unwrap().headers.clone()
    }

    /// Lets the answers of `/slow` go out.
    pub(super) fn open_gate(&self) {
        *lock(&self.gate.0) = true;
        self.gate.1.notify_all();
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Seen>>, gate: &(Mutex<bool>, Condvar)) {
    let mut lines = BufReader::new(stream);
    while let Some(request) = read(&mut lines) {
        let path = request.line.split(' ').nth(1).unwrap_or_default().to_owned();
        let echo = request.headers.join("\n");
        lock(seen).push(request);
        let (status, extra, body) = match path.as_str() {
            "/slow" => {
                let opened =
                    gate.1
                        .wait_timeout_while(lock(&gate.0), Duration::from_secs(20), |open| !*open);
                drop(opened);
                ("200 OK", "", "{\"id\":\"landed\"}".to_owned())
            }
            "/echo" => ("200 OK", "x-echo: S3CRET-VALUE\r\n", echo),
            "/limited" => ("429 Too Many Requests", "", "{}".to_owned()),
            "/limited/for-7-s" => ("429 Too Many Requests", "retry-after: 7\r\n", "{}".to_owned()),
            "/last" => {
                let used_up = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 4\r\n";
                ("200 OK", used_up, "{}".to_owned())
            }
            "/redirect" => ("302 Found", "location: /elsewhere\r\n", String::new()),
            "/large" => ("200 OK", "", "x".repeat(20 << 20)),
            "/drop" => return,
            _ => ("200 OK", "", "{}".to_owned()),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{extra}\r\n", body.len());
        let mut out = stream;
        if out.write_all(head.as_bytes()).and_then(|()| out.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

fn read(lines: &mut BufReader<&TcpStream>) -> Option<Seen> {
    let mut first = String::new();
    lines.read_line(&mut first).ok().filter(|n| *n > 0)?;
    let line = first.rsplit_once(' ')?.0.to_owned();
    let (mut headers, mut length) = (Vec::new(), 0);
    loop {
        let mut header = String::new();
        lines.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.trim().parse().ok()?;
        }
        headers.push(format!("{name}:{value}"));
    }
    lines.read_exact(&mut vec![0; length]).ok()?;
    Some(Seen { line, headers })
}
