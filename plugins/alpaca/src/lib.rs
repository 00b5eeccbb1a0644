//! The Alpaca broker plugin: a stateless translation between `bracketd:broker` and Alpaca's Trading
//! API v2.
//!
//! Everything but the exports is pure and runs natively against canned answers. It must never hold
//! a secret, remember an order, or send two writes in one call.
#![allow(
    clippy::result_large_err,
    reason = "the fault is the ABI's own type and lives for one call"
)]

pub mod adjust;
pub mod client;
pub mod config;
pub mod info;
pub mod orders;
pub mod plan;
pub mod read_market;
pub mod read_orders;
pub mod refusal;
pub mod status;
pub mod stream;
pub mod trade;
pub mod wire;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "the generated exports are extern functions")]
mod guest;

#[cfg(test)]
mod tests;
