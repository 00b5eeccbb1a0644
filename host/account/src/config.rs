//! What the operator decides about one account: settings, secrets, grants, limits.
//!
//! Apart because it is the contract with the daemon, which fills it in from its configuration. It
//! must never hold a default that lets a guest do more than the operator wrote.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::Sender;

use bracketd_core::ids::AccountName;

use crate::grant::Grant;
use crate::guest::LogLine;
use crate::guest::kv::KvEntry;
use crate::hook::Hook;
use crate::secret::Secret;

/// Everything an account needs to start.
#[derive(Clone, Debug)]
pub struct AccountConfig {
    /// The account's name; it stands in every event.
    pub name: AccountName,
    /// Handed to the plugin's `connect`, in this order. Never a place for secrets.
    pub settings: Vec<(String, String)>,
    /// By name. A guest only ever writes `{{secret:NAME}}`.
    pub secrets: BTreeMap<String, Secret>,
    /// Where the plugin may send requests; nothing else is reachable.
    pub grants: Vec<Grant>,
    /// Limits of one plugin instance and of one call.
    pub limits: Limits,
    /// How often the account reads on its own.
    pub poll: PollConfig,
    /// What its plugin remembers from an earlier run.
    pub kv: Vec<KvEntry>,
    /// What `clock.now` answers.
    pub clock: ClockSource,
    /// Where the lines of the plugin and of its host go; none = they are counted and dropped.
    pub log: Option<Sender<LogLine>>,
    /// Codes of questions a broker asks before it takes an order, which are answered with yes; any
    /// other question counts as its no.
    pub confirm: Vec<String>,
    /// Is told every moment of every call into the plugin; a daemon has none.
    pub hook: Option<Hook>,
}

/// Limits of one plugin instance, of one call into it, and of what the account says in all.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Linear memory, summed over all memories of an instance, in bytes.
    pub memory_bytes: usize,
    /// Table elements, summed over all tables of an instance.
    pub table_elements: usize,
    /// CPU time of one call in milliseconds, counted in ticks of 5 ms.
    pub cpu_ms: u64,
    /// What a read call may take altogether, in milliseconds.
    pub read_budget_ms: u32,
    /// What a read of the fill poll may take altogether, in milliseconds: a broker that hangs is
    /// seen as down after three of them, and no fill is looked for meanwhile.
    pub pulse_budget_ms: u32,
    /// What a write call may take altogether, in milliseconds.
    pub write_budget_ms: u32,
    /// As above where the plugin allows one write at a time: keep it at or below a third of the
    /// protection deadline, since a slow call then delays every other write.
    pub single_write_budget_ms: u32,
    /// How long a write request may go on after its guest stopped waiting, from its start.
    pub write_hard_ms: u32,
    /// Largest request body in bytes.
    pub request_bytes: usize,
    /// Largest response body in bytes.
    pub response_bytes: usize,
    /// What a guest may hand over in one host call, in bytes.
    pub hostcall_bytes: usize,
    /// Requests to the broker in any minute, reads and writes together.
    pub messages_per_minute: u32,
    /// Commands that may wait; one more is given back to the caller.
    pub queue: usize,
    /// Log lines a second; more are counted and dropped.
    pub log_lines_per_second: u32,
    /// `kv`: keys.
    pub kv_keys: usize,
    /// `kv`: keys and values together, in bytes.
    pub kv_bytes: usize,
    /// Largest message on a socket, in bytes, either way.
    pub frame_bytes: usize,
    /// A socket on which nothing came for so long is pinged; after twice the time it counts as
    /// dead. In milliseconds.
    pub socket_idle_ms: u64,
    /// First pause before a socket that ended is opened again, in milliseconds; it doubles up to
    /// thirty times as much.
    pub reopen_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 32 << 20,
            table_elements: 20_000,
            cpu_ms: 200,
            read_budget_ms: 10_000,
            pulse_budget_ms: 4_000,
            write_budget_ms: 4_000,
            single_write_budget_ms: 1_000,
            write_hard_ms: 10_000,
            request_bytes: 256 << 10,
            response_bytes: 8 << 20,
            hostcall_bytes: 4 << 20,
            messages_per_minute: 200,
            queue: 256,
            log_lines_per_second: 50,
            kv_keys: 256,
            kv_bytes: 256 << 10,
            frame_bytes: 1 << 20,
            socket_idle_ms: 15_000,
            reopen_ms: 1_000,
        }
    }
}

/// How often an account reads on its own.
#[derive(Clone, Debug)]
pub struct PollConfig {
    /// Who says when to read.
    pub drive: Drive,
    /// Orders and fills: milliseconds between two polls, from the start of one to the next.
    pub fills_ms: u64,
    /// Prices of the watched symbols, in milliseconds.
    pub prices_ms: u64,
    /// Orders, fills, positions and balance, complete, in milliseconds.
    pub picture_ms: u64,
}

/// Slowest allowed poll of orders and fills, in milliseconds: a fill is never older than that when
/// the daemon hears of it.
pub const FILLS_MS_MAX: u64 = 2_000;

impl Default for PollConfig {
    fn default() -> Self {
        Self { drive: Drive::Timer, fills_ms: 1_000, prices_ms: 1_000, picture_ms: 60_000 }
    }
}

/// Who says when to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// The account itself, by its intervals.
    Timer,
    /// The daemon, step by step, with [`crate::PollRequest::Step`]: a tape at full speed.
    Steps,
}

/// Where `clock.now` comes from.
#[derive(Clone)]
pub enum ClockSource {
    /// The machine's clock.
    Wall,
    /// Nanoseconds since 1970 as this says: a tape's time.
    Given(Arc<dyn Fn() -> u64 + Send + Sync>),
}

impl ClockSource {
    /// Nanoseconds since 1970.
    pub fn now_ns(&self) -> u64 {
        match self {
            Self::Wall => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
            Self::Given(now) => now(),
        }
    }
}

impl fmt::Debug for ClockSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wall => "Wall",
            Self::Given(_) => "Given",
        })
    }
}

/// Milliseconds as a duration.
pub(crate) fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}
