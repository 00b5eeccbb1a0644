//! The exchange of a tape run: this program again, as another process.
//!
//! Apart because it has to end when this process does, however that ends: it reads from a pipe
//! whose other end is here, and stops at its end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use bracketd_core::ids::Symbol;
use serde_json::Value;

use super::{CASH, LONGS, SECRET, SHORTS, key_of};
use crate::cli::run::TapeRun;

/// The most orders of one page.
const PAGE: usize = 500;

/// Attempts to start where a book is there already, and the pause between two.
const ATTEMPTS_MAX: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// A running exchange.
pub(super) struct ExchangeProcess {
    /// Its base URL.
    pub(super) url: String,
    /// Its port.
    pub(super) port: u16,
    child: Child,
    _lifeline: ChildStdin,
    agent: ureq::Agent,
}

impl ExchangeProcess {
    /// Starts it. The exchange of a run that was killed a moment ago may still hold the book.
    pub(super) fn start(wish: &TapeRun, dir: &Path) -> anyhow::Result<Self> {
        let mut attempts = 1;
        loop {
            match Self::attempt(wish, dir) {
                Err(_) if attempts < ATTEMPTS_MAX && dir.join("exchange.book").exists() => {
                    attempts += 1;
                    std::thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    fn attempt(wish: &TapeRun, dir: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("exchange").args(["--speed", "max", "--until-stdin-ends"]);
        command.arg("--book").arg(dir.join("exchange.book"));
        for name in [LONGS, SHORTS] {
            command.arg("--account").arg(format!("{}:{SECRET}:{CASH}", key_of(name)));
        }
        for file in &wish.files {
            command.arg("--tape").arg(file);
        }
        if let Some(splits) = &wish.splits {
            command.arg("--splits").arg(splits);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the exchange does not start")?;
        let (Some(lifeline), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the exchange has no pipes");
        };
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        let url = url.trim().to_owned();
        let Some(port) = url.rsplit(':').next().and_then(|port| port.parse().ok()) else {
            // It said why on standard error, which it shares with this process.
            child.wait()?;
            bail!("the tape is not run: its exchange did not start, for the reason above");
        };
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        Ok(Self { url, port, child, _lifeline: lifeline, agent })
    }

    /// The symbols of the tape.
    pub(super) fn symbols(&self) -> anyhow::Result<Vec<Symbol>> {
        let assets = self.get(LONGS, "/v2/assets")?;
        let names = assets.as_array().into_iter().flatten().filter_map(|a| a["symbol"].as_str());
        Ok(names.map(Symbol::new).collect())
    }

    /// Every order of an account, ended ones included.
    pub(super) fn orders(&self, account: &str) -> anyhow::Result<Vec<Value>> {
        let mut all: Vec<Value> = Vec::new();
        let mut after = String::new();
        loop {
            let path =
                format!("/v2/orders?status=all&nested=false&direction=asc&limit={PAGE}{after}");
            let page = self.get(account, &path)?;
            let page = page.as_array().cloned().unwrap_or_default();
            let full = page.len() == PAGE;
            if let Some(last) = page.last().and_then(|order| order["id"].as_str()) {
                after = format!("&after_order_id={last}");
            }
            all.extend(page);
            if !full {
                return Ok(all);
            }
        }
    }

    /// The positions of an account.
    pub(super) fn positions(&self, account: &str) -> anyhow::Result<Vec<Value>> {
        Ok(self.get(account, "/v2/positions")?.as_array().cloned().unwrap_or_default())
    }

    fn get(&self, account: &str, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.url);
        let mut answer = self
            .agent
            .get(&url)
            .header("APCA-API-KEY-ID", key_of(account))
            .header("APCA-API-SECRET-KEY", SECRET)
            .call()
            .with_context(|| format!("the exchange does not answer {url}"))?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }
}

impl Drop for ExchangeProcess {
    fn drop(&mut self) {
        // It may have ended by itself; its book is on disk either way.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
