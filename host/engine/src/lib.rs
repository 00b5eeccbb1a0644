//! The engine: one step takes what arrived, decides, commits once, and says what is to be sent.
//!
//! It is a crate of its own because the daemon, the simulation and the tests drive the very same
//! [`Engine::step`]. It must never start a thread, read a clock, open a socket or wait: time and
//! elapsed time are arguments, and what it wants sent is a list that it returns.

mod beats;
mod early;
mod engine;
mod held_back;
mod input;
mod market;
mod moments;
mod parked;
mod runs;
mod settings;
mod step;
mod timers;
mod unwritten;

pub use engine::{Engine, StartError};
pub use input::{Budget, Dispatch, Input, Noise, Thaw, Ticket};
pub use market::{BASE_SECONDS, Market, Track};
pub use settings::{PolicySettings, Settings};
