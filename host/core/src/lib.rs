//! The trading core of bracketd: what a transaction is, who may change it, and what follows.
//!
//! It performs no I/O and asks nobody the time (I1): events come in as data, and lists of changes,
//! commands and facts go out. Everything that could differ between two runs (clock, ids, broker)
//! is an argument, so a simulation and the daemon run the very same code.
//!
//! Reading order: [`money`], [`instrument`], [`order`], [`transaction`], [`book`]; then the
//! questions asked of them: [`check`] (may this be done?), [`apply`] (what did this event change?),
//! [`plan`] (what has to be sent?), [`control`] (may anything go on at all?), [`protection`] (is
//! what is held protected?), [`reconcile`] (does the broker agree?), [`pace`] (which message goes
//! next?), [`follow`] (what does the host do by itself?), [`ladder`] (which part of it has which target?). What no script can switch off is in [`guard`].

mod adopt;
pub mod apply;
pub mod book;
pub mod broker;
pub mod bug;
pub mod check;
pub mod command;
pub mod control;
pub mod decide;
pub mod diagnostic;
pub mod fact;
pub mod follow;
pub mod guard;
pub mod ids;
pub mod instrument;
pub mod intent;
pub mod ladder;
pub mod limits;
pub mod metrics;
pub mod money;
pub mod open;
pub mod order;
pub mod pace;
pub mod plan;
pub mod protection;
pub mod reconcile;
pub mod refusal;
pub mod standing;
pub mod time;
pub mod transaction;

pub use rust_decimal::Decimal;
