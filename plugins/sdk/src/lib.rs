//! What a broker plugin needs: the bindings of `bracketd:broker`, decimals, times, requests and
//! faults.
//!
//! A crate of its own so that every plugin shares it. It must never know a broker, keep state, or
//! reach anything but the host's imports.
//!
//! # A plugin
//!
//! A plugin is one type with the functions of [`account::Guest`], handed to
//! [`bindings::export_account!`]. This one is complete: it builds and loads, reads money and
//! prices of an imaginary broker, and says `not-supported` to the rest.
//!
//! ```
//! use bracketd_plugin_sdk::account::{Balance, FillPage, Guest, Info, OrderPage};
//! use bracketd_plugin_sdk::fault::{Purpose, detail, of_transport, unclear};
//! use bracketd_plugin_sdk::http::{Effect, Host, Request, Transport};
//! use bracketd_plugin_sdk::types::*;
//! use bracketd_plugin_sdk::{Dec, bindings};
//!
//! struct Acme;
//!
//! /// `GET https://api.acme.example/cash` answers a bare decimal.
//! fn cash() -> Result<Dec, Fault> {
//!     let request = Request {
//!         method: "GET".into(),
//!         url: "https://api.acme.example/cash".into(),
//!         // The host fills the secret in; the plugin never sees it.
//!         headers: vec![("authorization".into(), "Bearer {{secret:token}}".into())],
//!         body: None,
//!         effect: Effect::Read,
//!         timeout_ms: None,
//!     };
//!     let answer = Host.send(&request).map_err(|fault| of_transport(&fault, &Purpose::Read))?;
//!     let text = String::from_utf8_lossy(&answer.body);
//!     text.trim().parse().map_err(|error: bracketd_plugin_sdk::decimal::DecimalError| {
//!         unclear(detail("UNREADABLE_ANSWER", error.to_string()), &Purpose::Read)
//!     })
//! }
//!
//! fn balance() -> Result<Balance, Fault> {
//!     let cash = cash()?.wire();
//!     let currency = "USD".to_owned();
//!     Ok(Balance { cash, equity: cash, buying_power: cash, currency, ext: vec![] })
//! }
//!
//! fn no<A>() -> Result<A, Fault> {
//!     Err(Fault::NotSupported("not written yet".into()))
//! }
//!
//! impl Guest for Acme {
//!     fn describe() -> Info {
//!         Info {
//!             name: "acme".into(),
//!             version: "0.1.0".into(),
//!             client_id_max: 32,
//!             client_id_chars: "abcdefghijklmnopqrstuvwxyz0123456789-".into(),
//!             features: vec![],
//!             ext: vec![],
//!         }
//!     }
//!     fn connect(_: CallCtx, _config: Vec<(String, String)>) -> Result<Balance, Fault> {
//!         balance()
//!     }
//!     fn get_balance(_: CallCtx) -> Result<Balance, Fault> {
//!         balance()
//!     }
//!     fn adjust_sl(_: CallCtx, _: Bracket, _: Target) -> Result<Adjusted, Fault> { no() }
//!     fn adjust_tp(_: CallCtx, _: Bracket, _: Target) -> Result<Adjusted, Fault> { no() }
//!     fn adjust_tp_sl(_: CallCtx, _: Bracket, _: Target, _: Target) -> Result<Adjusted, Fault> { no() }
//!     fn submit_order(_: CallCtx, _: NewOrder) -> Result<Placed, Fault> { no() }
//!     fn replace_order(_: CallCtx, _: String, _: Change) -> Result<Placed, Fault> { no() }
//!     fn cancel_order(_: CallCtx, _: String) -> Result<Placed, Fault> { no() }
//!     fn confirm(_: CallCtx, _: String, _: bool) -> Result<Answered, Fault> { no() }
//!     fn read_bracket(_: CallCtx, _: Bracket) -> Result<Adjusted, Fault> { no() }
//!     fn get_order(_: CallCtx, _: OrderKey) -> Result<Vec<Order>, Fault> { no() }
//!     fn get_orders(_: CallCtx, _: bool, _: Option<u64>, _: Option<String>) -> Result<OrderPage, Fault> { no() }
//!     fn get_fills(_: CallCtx, _: u64, _: Option<String>) -> Result<FillPage, Fault> { no() }
//!     fn get_positions(_: CallCtx) -> Result<Vec<Position>, Fault> { no() }
//!     fn get_prices(_: CallCtx, _: Vec<String>) -> Result<Vec<Quote>, Fault> { no() }
//!     fn get_bars(_: CallCtx, _: String, _: u32, _: u64, _: u32) -> Result<Vec<Bar>, Fault> { no() }
//!     fn get_instrument(_: CallCtx, _: String) -> Result<Instrument, Fault> { no() }
//!     fn get_session(_: CallCtx, _: String) -> Result<Session, Fault> { no() }
//! }
//!
//! bindings::export_account!(Acme);
//! # fn main() { assert_eq!(Acme::describe().name, "acme"); }
//! ```
//!
//! `bracketd plugin new NAME` writes a project to begin from, `bracketd plugin build` makes its
//! component. What the host expects of each function, and what it does with each fault, stands in
//! docs/plugins.md.
//!
//! # What there is
//!
//! - [`types`]: every record of the interface, with its documentation from the WIT.
//! - [`Dec`]: exact decimals. [`types::Decimal`] is only how they travel.
//! - [`http::Transport`]: the way out as a trait, so that requests and parsing are tested natively
//!   against canned answers; [`http::Host`] is the real one.
//! - [`fault`]: [`fault::Purpose`] and [`fault::of_transport`] hold the rule that no plugin may get
//!   wrong: what may have left is never told as harmless.
//! - [`time`]: RFC 3339 and nanoseconds.

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
