//! The border: the only place that knows both the ABI's types and the core's.
//!
//! What goes out is translated; what comes in is checked value by value first. A value that cannot
//! be true is a [`Lie`] that names its field, and never reaches the core (I8).

mod answer;
mod market;
mod number;
mod order;
mod outgoing;
mod ties;

pub(crate) use answer::{adjusted, challenge, fault_of, found_legs, placed, plain_fault};
pub(crate) use market::{account_info, balance, bar, fill, instrument, position, quote};
pub(crate) use number::{nanos, time};
pub(crate) use order::{leg, report};
pub(crate) use outgoing::{bracket, decimal, new_order, tell_target};
pub(crate) use ties::{Tie, Ties};

/// Longest id that a plugin may give us, in bytes.
pub(crate) const ID_BYTES_MAX: usize = 128;

/// A value that cannot be true.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plugin's {field} is {found}")]
pub(crate) struct Lie {
    /// Where it stands.
    pub field: &'static str,
    /// What it says.
    pub found: String,
}

impl Lie {
    /// A lie in this field.
    pub(crate) fn new(field: &'static str, found: impl Into<String>) -> Self {
        Self { field, found: found.into() }
    }
}

#[cfg(test)]
mod tests;
