//! The account host of bracketd: broker plugins as WebAssembly components.
//!
//! A plugin is compiled once ([`Host::load`]) and run in several instances per account
//! ([`AccountHandle::start`]), each owned by one thread. Commands and reads go in as plain data of
//! the core, events come out over a bounded channel. A guest reaches nothing but five imports; it
//! has a budget of time, CPU and memory, and what it says is checked before it is believed (I9).
//!
//! Reading order: [`Host`], [`Plugin`], [`AccountConfig`], [`Grant`], [`AccountHandle`]; inside:
//! `guest` (what a plugin can touch), `wire` (how a request leaves), `actor` (the threads),
//! `convert` (the border between the ABI and the core).

#![allow(
    clippy::result_large_err,
    reason = "messages are given back whole, and a fault is as rare as the broker's no"
)]

mod account;
mod actor;
mod bindings;
mod by_hand;
mod config;
mod convert;
pub mod effect;
mod failure;
mod frame;
mod grant;
mod guest;
mod hook;
mod host;
mod instance;
mod lock;
mod plugin;
mod probe;
mod scheduler;
mod secret;
mod shared;
mod slot;
mod swap;
mod trial;
mod wire;

pub use account::{
    AccountHandle, AccountStatus, LastError, Plugins, StartError, ToAccount, WRITE_INSTANCES,
};
pub use actor::poller::{PollRequest, StepRead};
pub use by_hand::{ByHandError, CallOutcome, CallReport, READ_EXPORTS, call_by_hand, capabilities};
pub use config::{AccountConfig, ClockSource, Drive, FILLS_MS_MAX, Limits, PollConfig};
pub use failure::vital;
pub use frame::FrameRule;
pub use grant::{Grant, Scheme};
pub use guest::kv::KvEntry;
pub use guest::{LogLevel, LogLine, LogSource, RequestSeen};
pub use hook::{Hook, HostCall, Moment, Spoken, Verdict, Word};
pub use host::{Host, HostError};
pub use plugin::{
    ABI, CACHE_DIR, CACHE_KEY_FILE, Capabilities, CapabilityChange, CompiledCache, Examined,
    ExportSeen, ImportSeen, LoadError, PLUGIN_BYTES_MAX, Plugin, Section, digest, read_plugin,
};
pub use probe::{CallCost, ProbeError, call_cost};
pub use secret::{SECRET_BYTES_MIN, Secret};
pub use swap::{PluginId, SwapRefused, SwapReport, SwapStage, SwapState, Terms};
pub use trial::{Replacement, Trial};

#[cfg(test)]
mod tests;
