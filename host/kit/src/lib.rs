//! The conformance kit: an integrator's own `.wasm`, run by the real account host, against a broker
//! behind a bad network.
//!
//! Three tables come out. *Exports*: each export in each trouble. *Broker*: what brokers do without
//! any trouble. *Histories*: lives of a transaction, driven by the real engine, killed or swapped at
//! each host call. The broker's own book judges, never what the plugin or the host says of it.
//!
//! Reading order: [`Setup`], [`Kit`], [`Report`]; inside: `trouble` (what must follow from what),
//! `desk` (an account under test), `watch` (the eye on its calls), `writes`, `reads`, `cases`,
//! `history`.

mod book;
mod broker;
mod cases;
mod desk;
mod hands;
mod history;
mod message;
pub mod network;
mod plan;
mod reads;
mod report;
mod row;
mod run;
mod socket;
mod trouble;
mod truth;
mod watch;
mod writes;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bracketd_account::{AccountHandle, ClockSource, FrameRule, Host, HostError, LoadError, Plugin};
use bracketd_core::instrument::{AccountInfo, Instrument};

use watch::Costs;

pub use report::{Capability, Counts, Report};
pub use row::{Finding, Outcome, Part, Row};
pub use watch::Cost;

/// What an integrator says of their plugin and its broker.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Where an integrator's own fake broker listens, `http://host:port`; none is the paper exchange
    /// in this process, which speaks Alpaca's dialect.
    pub broker: Option<String>,
    /// Settings for `connect`; `{broker}` stands for the address that the plugin has to use.
    pub settings: Vec<(String, String)>,
    /// Secrets that the plugin may name.
    pub secrets: Vec<(String, String)>,
    /// What is traded; the broker lists it at its first price.
    pub symbol: Option<String>,
    /// Paths whose POST reads, as a grant would list them.
    pub reads: Vec<String>,
    /// Key and text of frames that only read, as a grant would list them.
    pub frames: Vec<(String, String)>,
}

/// Why the kit cannot begin.
#[derive(Debug)]
pub enum KitError {
    /// This machine cannot run plugins.
    Host(HostError),
    /// The file is no plugin.
    Load(LoadError),
}

impl std::fmt::Display for KitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(why) => why.fmt(f),
            Self::Load(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for KitError {}

/// A plugin, ready to be tried.
pub struct Kit {
    host: Host,
    plugin: Plugin,
    broker: Option<String>,
    settings: Vec<(String, String)>,
    secrets: Vec<(String, String)>,
    symbol: String,
    reads: Vec<String>,
    frames: Vec<FrameRule>,
    costs: Costs,
    told: Arc<Told>,
    retired: Retired,
    rows: AtomicU64,
}

/// Accounts whose rows have ended; they end while later rows run.
type Retired = Arc<Mutex<Vec<Arc<AccountHandle>>>>;

/// What the plugin said of itself and of the symbol, the first time it was asked.
#[derive(Debug, Default)]
struct Told {
    info: OnceLock<AccountInfo>,
    instrument: OnceLock<Instrument>,
}

impl Kit {
    /// Loads the plugin. `name` is for the report.
    ///
    /// # Errors
    /// [`KitError`] when the machine cannot run it or the file is none.
    pub fn new(wasm: &[u8], name: &str, setup: Setup) -> Result<Self, KitError> {
        let host = Host::new().map_err(KitError::Host)?;
        let plugin = host.load(wasm, name).map_err(KitError::Load)?;
        let mut settings = setup.settings;
        let mut secrets = setup.secrets;
        let mut frames = setup.frames;
        if setup.broker.is_none() {
            let own = |all: &mut Vec<(String, String)>, name: &str, value: &str| {
                if all.iter().all(|(known, _)| known != name) {
                    all.push((name.to_owned(), value.to_owned()));
                }
            };
            own(&mut settings, "base_url", "{broker}");
            own(&mut settings, "stream_url", "{socket}/stream");
            frames.extend(["auth", "listen"].map(|text| ("action".to_owned(), text.to_owned())));
            own(&mut secrets, "key_id", broker::KEY_ID);
            own(&mut secrets, "secret_key", broker::SECRET_KEY);
        }
        Ok(Self {
            host,
            plugin,
            broker: setup.broker,
            settings,
            secrets,
            symbol: setup.symbol.unwrap_or_else(|| "KIT".to_owned()),
            reads: setup.reads,
            frames: frames.into_iter().map(|(key, value)| FrameRule::Json { key, value }).collect(),
            costs: Costs::default(),
            told: Arc::default(),
            retired: Retired::default(),
            // No id of ours is used twice at a broker that remembers them for ever.
            rows: AtomicU64::new(ClockSource::Wall.now_ns() / 1_000_000),
        })
    }

    /// Lets accounts end whose rows have ended; nobody waits for their threads.
    fn bury(&self) {
        let all = std::mem::take(&mut *self.retired.lock().unwrap_or_else(PoisonError::into_inner));
        if !all.is_empty() {
            std::thread::spawn(move || drop(all));
        }
    }

    fn next_row(&self) -> u64 {
        self.rows.fetch_add(1, Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kit").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}
