//! The moments at which a script may be asked, and the functions that it answers with.
//!
//! Apart because the check of a script, the run and the documentation read the same table. A
//! script opts into an event by defining its function.

use std::sync::Arc;

use bracketd_core::broker::Bar;
use bracketd_core::metrics::Portfolio;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Leg;
use bracketd_core::time::Timestamp;

/// A fill as a script sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillInfo {
    /// At what price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
    /// When.
    pub at: Timestamp,
    /// Which exit filled; none for the entry and for a close at the market.
    pub leg: Option<Leg>,
}

/// What somebody else did to an order of ours at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Which exit.
    pub leg: Leg,
    /// `moved`, `resized` or `canceled`.
    pub what: &'static str,
    /// Its price before, where it has one.
    pub before: Option<Price>,
    /// Its price from now on; none where it is gone.
    pub after: Option<Price>,
}

/// What became of an instrument's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It trades from now on.
    Open,
    /// Its session has ended.
    Close,
    /// It stopped trading before its session's end.
    Halt,
}

impl Phase {
    /// As scripts are told it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Halt => "halt",
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The transaction was made; its entry waits.
    Arm,
    /// The host has started and compared its book with the broker.
    Start,
    /// A new price while the entry waits.
    Waiting,
    /// A part of the entry filled.
    Fill(FillInfo),
    /// The first part of the entry filled.
    Open,
    /// A new price while something is held.
    Tick,
    /// A bar is complete.
    Bar(Bar),
    /// A timer of the script's `TIMERS` beat.
    Timer(&'a str),
    /// A part of an exit filled.
    ExitFill(FillInfo),
    /// The broker took what the script had asked for.
    Ack {
        /// The verb that was asked.
        verb: &'a str,
    },
    /// The broker rejected, or the gate at commit refused, what the script had asked for.
    Reject {
        /// The verb that was asked.
        verb: &'a str,
        /// The neutral code.
        code: &'a str,
        /// The words.
        message: &'a str,
    },
    /// The transaction has ended.
    Close,
    /// Somebody else changed the entry at the broker: its price or its quantity.
    EntryChange,
    /// Somebody else changed an exit at the broker.
    External(Outside),
    /// The instrument's session opened, ended or was halted.
    Session(Phase),
    /// The account as a whole: its money or what it holds changed.
    Portfolio(&'a Arc<Portfolio>),
}

/// Which event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// `on_arm`
    Arm,
    /// `on_start`
    Start,
    /// `on_waiting`
    Waiting,
    /// `on_fill`
    Fill,
    /// `on_open`
    Open,
    /// `on_tick`
    Tick,
    /// `on_bar`
    Bar,
    /// `on_timer`
    Timer,
    /// `on_exit_fill`
    ExitFill,
    /// `on_ack`
    Ack,
    /// `on_reject`
    Reject,
    /// `on_close`
    Close,
    /// `on_entry_change`
    EntryChange,
    /// `on_external`
    External,
    /// `on_session`
    Session,
    /// `on_portfolio`
    Portfolio,
    /// `on_reload`
    Reload,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Arm,
        Self::Start,
        Self::Waiting,
        Self::Fill,
        Self::Open,
        Self::Tick,
        Self::Bar,
        Self::Timer,
        Self::ExitFill,
        Self::Ack,
        Self::Reject,
        Self::Close,
        Self::EntryChange,
        Self::External,
        Self::Session,
        Self::Portfolio,
        Self::Reload,
    ];

    /// The function's name.
    pub fn handler(self) -> &'static str {
        match self {
            Self::Arm => "on_arm",
            Self::Start => "on_start",
            Self::Waiting => "on_waiting",
            Self::Fill => "on_fill",
            Self::Open => "on_open",
            Self::Tick => "on_tick",
            Self::Bar => "on_bar",
            Self::Timer => "on_timer",
            Self::ExitFill => "on_exit_fill",
            Self::Ack => "on_ack",
            Self::Reject => "on_reject",
            Self::Close => "on_close",
            Self::EntryChange => "on_entry_change",
            Self::External => "on_external",
            Self::Session => "on_session",
            Self::Portfolio => "on_portfolio",
            Self::Reload => "on_reload",
        }
    }

    /// The types of the function's parameters, as the toolkit's documentation names them.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Arm | Self::Start | Self::Open | Self::EntryChange => &["Transaction", "Params"],
            Self::Waiting | Self::Tick => &["Transaction", "Market", "Params"],
            Self::Fill | Self::ExitFill => &["Transaction", "Fill", "Params"],
            Self::Bar => &["Transaction", "Bar", "Params"],
            Self::Timer => &["Transaction", "string", "Params"],
            Self::Ack => &["Transaction", "Asked", "Params"],
            Self::Reject => &["Transaction", "Asked", "Reason", "Params"],
            Self::Close => &["Transaction", "Result", "Params"],
            Self::External => &["Transaction", "External", "Params"],
            Self::Session => &["Transaction", "string", "Params"],
            Self::Portfolio => &["Portfolio", "Params"],
            Self::Reload => &["int", "Params"],
        }
    }

    /// How the function is written, for help texts.
    pub fn signature(self) -> &'static str {
        match self {
            Self::Arm => "on_arm(t, p)",
            Self::Start => "on_start(t, p)",
            Self::Waiting => "on_waiting(t, m, p)",
            Self::Fill => "on_fill(t, fill, p)",
            Self::Open => "on_open(t, p)",
            Self::Tick => "on_tick(t, m, p)",
            Self::Bar => "on_bar(t, bar, p)",
            Self::Timer => "on_timer(t, name, p)",
            Self::ExitFill => "on_exit_fill(t, fill, p)",
            Self::Ack => "on_ack(t, intent, p)",
            Self::Reject => "on_reject(t, intent, why, p)",
            Self::Close => "on_close(t, result, p)",
            Self::EntryChange => "on_entry_change(t, p)",
            Self::External => "on_external(t, change, p)",
            Self::Session => "on_session(t, phase, p)",
            Self::Portfolio => "on_portfolio(pf, p)",
            Self::Reload => "on_reload(old_version, p)",
        }
    }

    /// The event of that function.
    pub fn of_handler(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.handler() == name)
    }
}

impl Event<'_> {
    /// Which one it is.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Arm => EventKind::Arm,
            Self::Start => EventKind::Start,
            Self::Waiting => EventKind::Waiting,
            Self::Fill(_) => EventKind::Fill,
            Self::Open => EventKind::Open,
            Self::Tick => EventKind::Tick,
            Self::Bar(_) => EventKind::Bar,
            Self::Timer(_) => EventKind::Timer,
            Self::ExitFill(_) => EventKind::ExitFill,
            Self::Ack { .. } => EventKind::Ack,
            Self::Reject { .. } => EventKind::Reject,
            Self::Close => EventKind::Close,
            Self::EntryChange => EventKind::EntryChange,
            Self::External(_) => EventKind::External,
            Self::Session(_) => EventKind::Session,
            Self::Portfolio(_) => EventKind::Portfolio,
        }
    }
}
