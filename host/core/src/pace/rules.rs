//! The numbers of a budget, and what a message says of itself.
//!
//! Apart so that reserves and shares stand side by side as tables; whoever changes one sees the
//! others.

use rust_decimal::Decimal;

use super::PULSE_MS;
use crate::command::{Command, Urgency};
use crate::ids::TransactionId;

/// How much an account may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceRules {
    /// Requests in any minute, reads and writes together.
    pub per_minute: u32,
    /// Messages in any minute about one transaction, other than to protect or to close it.
    pub per_transaction: u32,
}

impl PaceRules {
    /// The rules of a budget: one transaction may use a tenth of it.
    pub fn of(per_minute: u32) -> Self {
        Self { per_minute, per_transaction: (per_minute / 10).max(6) }
    }

    /// How often asking for fills goes before everything else, in milliseconds: at most half of
    /// what flows in goes to it, which is four fifths of the budget.
    pub fn pulse_ms(self) -> u64 {
        PULSE_MS.max(150_000 / u64::from(self.per_minute.max(2)))
    }
}

/// The part of the bucket, in percent, that a class leaves to more urgent ones.
pub fn reserve_percent(class: Urgency) -> u8 {
    match class {
        Urgency::Pulse | Urgency::Unprotected => 0,
        Urgency::Close => 10,
        Urgency::Reduce => 20,
        Urgency::Tighten => 40,
        Urgency::Routine => 50,
        Urgency::Read => 60,
    }
}

/// The share of turns, in percent, that a class gets while more urgent ones wait too. Together
/// they are half: the other half is the most urgent one's.
pub fn share_percent(class: Urgency) -> u8 {
    match class {
        Urgency::Pulse | Urgency::Unprotected => 0,
        Urgency::Close => 20,
        Urgency::Reduce | Urgency::Tighten => 10,
        Urgency::Routine | Urgency::Read => 5,
    }
}

/// A message that wants to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its class.
    pub urgency: Urgency,
    /// The transaction it is about, where it is about one.
    pub transaction: Option<TransactionId>,
    /// Orders moved stops: the largest goes first.
    pub gain: Decimal,
    /// Requests that it will probably take.
    pub requests: u32,
}

impl Message {
    /// A message about no transaction that takes one request.
    pub fn new(urgency: Urgency) -> Self {
        Self { urgency, transaction: None, gain: Decimal::ZERO, requests: 1 }
    }

    /// The message that a command is.
    pub fn of(command: &Command) -> Self {
        let transaction = Some(command.transaction);
        Self { transaction, gain: command.gain, ..Self::new(command.urgency) }
    }
}
