//! The daemon's HTTP API, without a process for each question.
//!
//! Apart from the command line because a test that asks a hundred times a second, or that has to
//! know whether an answer came at all, cannot go through one.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Daemon;

/// Longer than the daemon itself may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(12);

/// What came of a request.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// An answer: its status and its body.
    Answer(u16, Value),
    /// None: whether it was done is not known.
    Nothing,
}

impl Said {
    /// The body of a 2xx answer: the daemon has promised it.
    pub(crate) fn promised(&self) -> Option<&Value> {
        match self {
            Self::Answer(status, body) if (200..300).contains(status) => Some(body),
            Self::Answer(..) | Self::Nothing => None,
        }
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Answer(_, body) => body["code"].as_str(),
            Self::Nothing => None,
        }
    }
}

/// A way to the API that can be given to another thread.
#[derive(Clone)]
pub(crate) struct Api {
    url: String,
    token: String,
    agent: ureq::Agent,
}

impl Api {
    fn of(dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(dir.join("data/daemon.json")).ok()?;
        let file: Value = serde_json::from_str(&text).ok()?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build();
        let text = |name: &str| file[name].as_str().map(str::to_owned);
        Some(Self { url: text("url")?, token: text("token")?, agent: config.into() })
    }

    pub(crate) fn get(&self, path: &str) -> Said {
        let request = self.agent.get(format!("{}{path}", self.url));
        said(request.header("Authorization", format!("Bearer {}", self.token)).call())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Said {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.header("Authorization", format!("Bearer {}", self.token));
        said(request.content_type("application/json").send(body.to_string()))
    }

    /// Opens a long of ten; without a limit at the market.
    pub(crate) fn open(&self, symbol: &str, limit: Option<&str>, guard: &str) -> Said {
        self.post(
            "/api/v1/transactions",
            &json!({
                "account": "paper", "symbol": symbol, "direction": "long", "quantity": "10",
                "limit": limit, "stop": "95", "target": "110", "guard": guard,
            }),
        )
    }

    pub(crate) fn set_stop(&self, id: u64, stop: &str) -> Said {
        self.post(&format!("/api/v1/transactions/{id}/protection"), &json!({ "stop": stop }))
    }

    pub(crate) fn close(&self, id: u64) -> Said {
        self.post(&format!("/api/v1/transactions/{id}/close"), &json!({}))
    }

    /// All transactions.
    pub(crate) fn all(&self) -> Vec<Value> {
        match self.get("/api/v1/transactions").promised() {
            Some(body) => body["transactions"].as_array().cloned().unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// The transaction of that symbol, where there is one.
    pub(crate) fn of_symbol(&self, symbol: &str) -> Option<Value> {
        self.all().into_iter().find(|tx| tx["symbol"] == symbol)
    }

    pub(crate) fn status(&self) -> Value {
        self.get("/api/v1/status").promised().cloned().unwrap_or_default()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.status()["ready"] == true
    }

    /// The facts about a transaction, oldest first.
    pub(crate) fn facts(&self, id: u64) -> Vec<Value> {
        let said = self.get(&format!("/api/v1/transactions/{id}/facts?limit=1000"));
        let body = said.promised().expect("facts");
        body["facts"].as_array().cloned().unwrap_or_default()
    }
}

fn said(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Said {
    let Ok(mut answer) = answer else { return Said::Nothing };
    let status = answer.status().as_u16();
    match answer.body_mut().read_to_string() {
        Ok(text) => Said::Answer(status, serde_json::from_str(&text).unwrap_or_default()),
        Err(_) => Said::Nothing,
    }
}

/// The number of a transaction.
pub(crate) fn id_of(tx: &Value) -> u64 {
    tx["id"].as_str().and_then(|id| id.parse().ok()).expect("a transaction")
}

impl Daemon {
    /// The way to this very process, once it serves; none when it has ended.
    pub(crate) fn api(&mut self) -> Option<Api> {
        let pid = u64::from(self.pid());
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            if self.ended().is_some() {
                return None;
            }
            let text = std::fs::read_to_string(self.dir.join("data/daemon.json"));
            let file: Option<Value> = text.ok().and_then(|text| serde_json::from_str(&text).ok());
            if file.is_some_and(|file| file["pid"] == pid) {
                return Api::of(&self.dir);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not serve within a minute\n{}", self.log());
    }

    /// As [`Daemon::api`], and ready.
    pub(crate) fn ready(&mut self) -> Option<Api> {
        let api = self.api()?;
        let began = Instant::now();
        while !api.is_ready() {
            if self.ended().is_some() {
                return None;
            }
            let late = began.elapsed() > Duration::from_secs(60);
            assert!(!late, "not ready within a minute\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(api)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.0.try_wait().expect("its state")
    }

    /// Waits for its end.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let began = Instant::now();
        loop {
            let ended = self.ended();
            if ended.is_some() || began.elapsed() > limit {
                return ended;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let text = format!("kill -{name} {}", self.pid());
        let status = Command::new("sh").args(["-c", &text]).status().expect("a shell");
        assert!(status.success(), "{text}");
    }
}
