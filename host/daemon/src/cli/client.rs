//! The client of the local API: finds a running daemon, asks it, and tells what came of it.
//!
//! Apart because every online verb goes through it. A write whose answer got lost is "unknown",
//! never "failed": it may have been done.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;
use serde_json::Value;

use super::Common;
use super::exit::{Exit, Failure};
use super::output::Out;
use crate::config;
use crate::daemon_file::{DaemonFile, NAME};

/// Data directory of the demo.
pub const DEMO_DIR: &str = "bracketd-demo";
/// The configuration that is taken when none is named.
pub const CONFIG_FILE: &str = "bracketd.toml";
/// Data directory where the configuration names none.
pub const DATA_DIR: &str = "bracketd-data";
/// Longest answer that is read.
const ANSWER_MAX: u64 = 64 << 20;
/// What the daemon itself may take at most, and a little more.
const PATIENCE: Duration = Duration::from_secs(35);
/// What somebody in a hurry waits: whoever throws the kill switch must soon know that it took another
/// way.
const HURRY: Duration = Duration::from_secs(4);
/// What a look before something urgent may take.
const GLANCE: Duration = Duration::from_secs(1);
/// Silence after which is said what is waited for: for whoever is in a hurry, and for others.
const SILENCE_IN_HURRY: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(3);

/// A running daemon and the way to it.
#[derive(Debug)]
pub struct Client {
    url: String,
    token: String,
    /// Where the address came from, for messages.
    origin: String,
    /// Whether the token came from there too.
    is_stored: bool,
    agent: ureq::Agent,
    patience: Duration,
    /// After what people are told what is waited for; never where programs read.
    silence: Option<Duration>,
}

impl Client {
    /// Finds the daemon: `--url`, else the data directory of the configuration, else, where there is
    /// no configuration, the demo's.
    ///
    /// # Errors
    /// Where none is found, or its file cannot be read.
    pub fn find(common: &Common) -> Result<Self, Failure> {
        let silence = (!common.json).then_some(SILENCE);
        Self::look(common).map(|client| Self { silence, ..client })
    }

    fn look(common: &Common) -> Result<Self, Failure> {
        let dirs = data_dirs(common.config.as_deref());
        let mut looked = Vec::new();
        for dir in &dirs {
            let path = dir.join(NAME);
            let found = DaemonFile::read(dir).map_err(|error| {
                let message = format!("cannot read {}: {error}", path.display());
                Failure::new(Exit::NoDaemon, "NO_DAEMON", message)
            })?;
            looked.push(path.display().to_string());
            let Some(found) = found else { continue };
            match &common.url {
                None => {
                    let origin = path.display().to_string();
                    let client = Self::new(&found.url, &found.token, &origin);
                    return Ok(Self { is_stored: true, ..client });
                }
                Some(url) if url.trim_end_matches('/') == found.url && common.token.is_none() => {
                    return Ok(Self::new(url, &found.token, "--url"));
                }
                Some(_) => {}
            }
        }
        match (&common.url, &common.token) {
            (Some(url), Some(token)) => Ok(Self::new(url, token, "--url")),
            (Some(url), None) => {
                let message = format!("no token for {url}");
                Err(Failure::new(Exit::NoDaemon, "NO_TOKEN", message)
                    .hint("set BRACKETD_TOKEN to the token in the daemon's daemon.json"))
            }
            (None, _) => {
                let message = match looked.as_slice() {
                    [] => "no running daemon found: the configuration cannot be read".to_owned(),
                    looked => format!("no running daemon found (looked for {})", looked.join(", ")),
                };
                let demo = Path::new(DEMO_DIR);
                let hint = if names_no_dir(common.config.as_deref()) {
                    "no data_dir can be read in the configuration: `bracketd config check` says why"
                } else if !dirs.iter().any(|dir| dir == demo) && demo.join(NAME).exists() {
                    "start it with `bracketd run`; the demo here is not meant beside a configuration, \
                     `--config bracketd-demo/bracketd.toml` names it"
                } else {
                    "start one with `bracketd`, or name it with --url or --config"
                };
                Err(Failure::new(Exit::NoDaemon, "NO_DAEMON", message).hint(hint))
            }
        }
    }

    /// The daemon at that address.
    pub fn new(url: &str, token: &str, origin: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(3)))
            .build();
        Self {
            url: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            origin: origin.to_owned(),
            is_stored: false,
            agent: config.into(),
            patience: PATIENCE,
            silence: None,
        }
    }

    /// The same for somebody in a hurry: it waits 4 s, and tells people what for after 1 s.
    #[must_use]
    pub fn hurried(self, out: &Out) -> Self {
        Self { patience: HURRY, silence: (!out.is_json()).then_some(SILENCE_IN_HURRY), ..self }
    }

    /// Does it, and says what is waited for where it takes long.
    fn watched<T>(&self, patience: Duration, what: impl FnOnce() -> T) -> T {
        let Some(silence) = self.silence else { return what() };
        let (done, waits) = crossbeam_channel::bounded::<()>(0);
        let words = format!(
            "waiting for the daemon at {} to answer (at most {} s)",
            self.url,
            patience.as_secs()
        );
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if waits.recv_timeout(silence) == Err(RecvTimeoutError::Timeout) {
                    Out::new(false).note(&words);
                }
            });
            let result = what();
            drop(done);
            result
        })
    }

    /// Reads.
    ///
    /// # Errors
    /// Where the daemon is not reached or says no.
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let request = request.config().timeout_global(Some(self.patience)).build();
        let request = request.header("Authorization", self.bearer());
        match self.watched(self.patience, || request.call().and_then(read)) {
            Ok((status, body)) => self.judge(status, body),
            Err(error) => Err(self.not_reached(&error)),
        }
    }

    /// Reads what is asked for before something urgent: it waits a second, and says nothing.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn glance(&self, path: &str) -> Result<Value, Failure> {
        let (url, token, origin) = (self.url.clone(), self.token.clone(), self.origin.clone());
        let (agent, is_stored) = (self.agent.clone(), self.is_stored);
        let quick = Self { url, token, origin, is_stored, agent, patience: GLANCE, silence: None };
        quick.get(path)
    }

    /// Changes something; with `wait_s`, the daemon answers once it is settled or that long after.
    ///
    /// # Errors
    /// Where the daemon is not reached, says no, or its answer got lost.
    pub fn post(&self, path: &str, body: &Value, wait_s: Option<u64>) -> Result<Value, Failure> {
        let patience = self.patience + Duration::from_secs(wait_s.unwrap_or(0));
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.config().timeout_global(Some(patience)).build();
        let mut request = request
            .header("Authorization", self.bearer())
            .header("Content-Type", "application/json")
            .header("Bracketd-Actor", actor(std::env::var("USER").ok()));
        if let Some(seconds) = wait_s {
            request = request.header("Prefer", format!("wait={seconds}"));
        }
        match self.watched(patience, || request.send(body.to_string()).and_then(read)) {
            Ok((status, body)) => self.judge(status, body),
            Err(error) if is_surely_not_sent(&error) => Err(self.not_reached(&error)),
            Err(error) => {
                let message = match error {
                    ureq::Error::Timeout(_) => format!(
                        "the daemon at {} took the request and did not answer within {} s: it hangs, \
                         or its machine is overloaded",
                        self.url,
                        patience.as_secs()
                    ),
                    error => format!("the daemon's answer got lost: {error}"),
                };
                Err(Failure::new(Exit::Unknown, "NO_ANSWER", message).hint(
                    "it may have been done: look with `bracketd tx list` before trying again",
                ))
            }
        }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn judge(&self, status: u16, body: Value) -> Result<Value, Failure> {
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("code").is_empty() {
            let message = format!("{} is not bracketd (it answered {status})", self.url);
            return Err(Failure::new(Exit::NoDaemon, "NOT_BRACKETD", message)
                .hint(format!("the address came from {}", self.origin)));
        }
        let code = text("code");
        if code == "UNAUTHORIZED" && self.is_stored {
            return Err(self.wrong_token());
        }
        let exit = match code.as_str() {
            _ if text("outcome") == "unknown" => Exit::Unknown,
            "VERSION_CONFLICT" => Exit::Conflict,
            "BAD_VALUE" | "BAD_BODY" | "BAD_QUERY" | "BODY_TOO_LARGE" => Exit::Usage,
            "UNAUTHORIZED" | "BAD_HOST" | "BAD_ORIGIN" | "STOPPING" | "BUSY_ENGINE"
            | "NO_SUCH_PATH" | "NO_SUCH_METHOD" => Exit::NoDaemon,
            _ => Exit::Refused,
        };
        Err(Failure { exit, code, message: text("detail"), hint: text("hint") })
    }

    /// The file was changed, or is one of before: a daemon that could not write its own answers at
    /// the address of the one before it.
    fn wrong_token(&self) -> Failure {
        let message = format!(
            "the token in {1} is not that of the daemon that runs at {0}: the file was changed, or \
             that daemon could not write its own",
            self.url, self.origin
        );
        Failure::new(Exit::NoDaemon, "UNAUTHORIZED", message).hint(
            "where its log says that it cannot write the file, make room on its disk: it does so \
             within seconds then. Else restart it: a start writes the file anew, and protective orders \
             stay at the broker meanwhile. The file KILL in that directory works without a token",
        )
    }

    fn not_reached(&self, error: &ureq::Error) -> Failure {
        let message = match error {
            ureq::Error::Timeout(ureq::Timeout::Global) => format!(
                "the daemon at {} did not answer within {} s: it hangs, or its machine is overloaded",
                self.url,
                self.patience.as_secs()
            ),
            _ => format!("cannot reach the daemon at {}: {error}", self.url),
        };
        Failure::new(Exit::NoDaemon, "NO_DAEMON", message).hint(format!(
            "the address came from {}; if the daemon has stopped, start it again",
            self.origin
        ))
    }
}

/// The data directory of the daemon that is meant, where this machine shows it.
pub fn data_dir(common: &Common) -> Option<PathBuf> {
    let dirs = data_dirs(common.config.as_deref());
    let is_meant = |dir: &PathBuf| match (&common.url, DaemonFile::read(dir)) {
        (None, _) => dir.is_dir(),
        (Some(url), Ok(Some(found))) => url.trim_end_matches('/') == found.url,
        (Some(_), _) => false,
    };
    let dir = dirs.into_iter().find(is_meant)?;
    std::path::absolute(dir).ok()
}

/// Whether a configuration is there that cannot be read so far as to tell its data directory.
fn names_no_dir(config: Option<&Path>) -> bool {
    let file = config.unwrap_or(Path::new(CONFIG_FILE));
    std::fs::read_to_string(file).is_ok_and(|text| config::data_dir(file, &text).is_none())
}

/// Where a daemon may have left its file, nearest first.
fn data_dirs(config: Option<&Path>) -> Vec<PathBuf> {
    let file = config.map_or_else(|| PathBuf::from(CONFIG_FILE), Path::to_owned);
    let mut dirs = Vec::new();
    match std::fs::read_to_string(&file) {
        Ok(text) => dirs.push(config::data_dir(&file, &text).unwrap_or_else(|| DATA_DIR.into())),
        // Beside a configuration the demo is never meant: a switch thrown there would stop nothing.
        Err(error) if config.is_none() && error.kind() == ErrorKind::NotFound => {
            dirs.push(DEMO_DIR.into());
        }
        Err(_) => {}
    }
    dirs
}

fn read(mut answer: ureq::http::Response<ureq::Body>) -> Result<(u16, Value), ureq::Error> {
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string()?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// Whether the error proves that no byte of the request was taken.
fn is_surely_not_sent(error: &ureq::Error) -> bool {
    use ureq::Timeout;
    match error {
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        ureq::Error::ConnectionFailed
        | ureq::Error::HostNotFound
        | ureq::Error::BadUri(_)
        | ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => true,
        _ => false,
    }
}

/// The user's name as the daemon takes it.
pub(super) fn actor(user: Option<String>) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "_.@-".contains(*c);
    let name: String = user.unwrap_or_default().chars().filter(fits).take(32).collect();
    if name.is_empty() { "cli".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::{Client, Exit, actor};
    use serde_json::json;

    #[test]
    fn every_kind_of_no_has_its_exit_code() {
        let client = Client::new("http://127.0.0.1:1/", "t", "a test");
        let rows = [
            (422, json!({ "code": "STOP_WRONG_SIDE", "outcome": "refused" }), Exit::Refused),
            (409, json!({ "code": "VERSION_CONFLICT", "outcome": "refused" }), Exit::Conflict),
            (504, json!({ "code": "NO_ANSWER", "outcome": "unknown" }), Exit::Unknown),
            (401, json!({ "code": "UNAUTHORIZED" }), Exit::NoDaemon),
            (422, json!({ "code": "BAD_VALUE" }), Exit::Usage),
            (502, json!("<html>"), Exit::NoDaemon),
        ];
        for (status, body, exit) in rows {
            assert_eq!(client.judge(status, body.clone()).unwrap_err().exit, exit, "{body}");
        }
        assert_eq!(client.judge(202, json!(1)), Ok(json!(1)));
    }

    #[test]
    fn a_stored_token_that_is_refused_is_told_as_not_the_daemons() {
        let found = Client::new("http://127.0.0.1:1", "t", "data/daemon.json");
        let refused = json!({ "code": "UNAUTHORIZED" });
        let stored = Client { is_stored: true, ..found };
        let failure = stored.judge(401, refused.clone()).unwrap_err();
        for part in ["the token in data/daemon.json is not that of the daemon", "was changed"] {
            assert!(failure.message.contains(part), "{failure:?}");
        }
        for part in ["make room", "restart it", "KILL"] {
            assert!(failure.hint.contains(part), "{failure:?}");
        }
        let given = Client::new("http://127.0.0.1:1", "t", "--url").judge(401, refused);
        assert!(!given.unwrap_err().message.contains("the file"), "a token that somebody named");
    }

    #[test]
    fn a_daemon_that_is_gone_is_not_reached_and_nothing_was_done() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = Client::new(&format!("http://{free}"), "t", "a test");
        assert_eq!(client.get("/livez").unwrap_err().exit, Exit::NoDaemon);
        assert_eq!(client.post("/x", &json!({}), None).unwrap_err().exit, Exit::NoDaemon);
    }

    #[test]
    fn a_write_whose_answer_got_lost_is_unknown() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()), "t", "");
        let taker = std::thread::spawn(move || {
            use std::io::Read;
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 64]).unwrap() > 0);
        });
        assert_eq!(client.post("/x", &json!({}), None).unwrap_err().exit, Exit::Unknown);
        taker.join().unwrap();
    }

    #[test]
    fn a_name_is_cut_to_what_the_daemon_takes() {
        assert_eq!(actor(Some("ann b".to_owned())), "annb");
        assert_eq!(actor(Some("é".to_owned())), "cli");
        assert_eq!(actor(None), "cli");
    }
}
