//! A front before the bad network that makes the plugin behind it a wrong one: what reaches the broker
//! and what the plugin hears is the front's doing.
//!
//! The plugin's base address is `http://FRONT/http://NETWORK`: so the front knows where to go on.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use ureq::Agent;
use ureq::http::Request;

/// A front gives up a request so early that the plugin still hears what it makes of that.
const PATIENCE: Duration = Duration::from_millis(250);

/// One request of the plugin.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query, as the broker knows them.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    upstream: String,
}

/// One answer for the plugin.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn new(status: u16, body: &str) -> Self {
        Self { status, body: body.to_owned() }
    }
}

impl Asked {
    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.starts_with(path)
    }

    pub(crate) fn writes(&self) -> bool {
        self.method != "GET"
    }

    /// The broker's answer; none where there is none in time.
    pub(crate) fn pass_on(&self) -> Option<Reply> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(PATIENCE))
            .build();
        let agent = Agent::new_with_config(config);
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(format!("{}{}", self.upstream, self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = match self.method.as_str() {
            "POST" | "PATCH" => agent.run(request.body(self.body.clone()).ok()?),
            _ => agent.run(request.body(()).ok()?),
        };
        let answer = answer.ok()?;
        let status = answer.status().as_u16();
        let body = answer.into_body().read_to_string().ok()?;
        Some(Reply { status, body })
    }
}

/// Starts a front; gives its address. It ends with the process.
pub(crate) fn start(mistake: fn(&Asked) -> Option<Reply>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(&stream, mistake));
        }
    });
    url
}

fn serve(client: &TcpStream, mistake: fn(&Asked) -> Option<Reply>) {
    let mut from = BufReader::new(client);
    while let Some(asked) = read(&mut from) {
        let Some(Reply { status, body }) = mistake(&asked) else { return };
        let length = body.len();
        let head = match status {
            204 => "HTTP/1.1 204 Front\r\n\r\n".to_owned(),
            _ => format!("HTTP/1.1 {status} Front\r\ncontent-length: {length}\r\n\r\n"),
        };
        let body = if status == 204 { "" } else { &body };
        let mut client = client;
        if client.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

fn read(from: &mut BufReader<&TcpStream>) -> Option<Asked> {
    let mut first = String::new();
    from.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (mut headers, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        let (name, value) = (name.to_lowercase(), value.trim().to_owned());
        match name.as_str() {
            "content-length" => length = value.parse().ok()?,
            "host" | "user-agent" | "accept" | "accept-encoding" | "connection" => {}
            _ => headers.push((name, value)),
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    let target = target.trim_start_matches('/');
    let slash = target.get(7..)?.find('/')? + 7;
    let (upstream, path) = target.split_at(slash);
    let (upstream, path) = (upstream.to_owned(), path.to_owned());
    Some(Asked { method, path, headers, body: String::from_utf8(body).ok()?, upstream })
}
