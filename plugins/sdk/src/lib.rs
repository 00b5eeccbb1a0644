//! What a broker plugin needs: the bindings of `bracketd:broker`, decimals, times, requests and
//! faults.
//!
//! A crate of its own so that every plugin shares it. It must never know a broker, keep state, or
//! reach anything but the host's imports.

pub mod bindings;
pub mod decimal;
pub mod fault;
pub mod http;
pub mod time;

/// The frozen types of the ABI.
pub use bindings::bracketd::broker::types;
/// What a plugin implements and answers: the `account` interface.
pub use bindings::exports::bracketd::broker::account;

/// What a plugin that streams implements and answers: the `streams` interface.
#[cfg(feature = "streams")]
pub use bindings::streaming::exports::bracketd::broker::streams;

pub use decimal::Dec;
