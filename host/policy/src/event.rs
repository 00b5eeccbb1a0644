//! The moments at which a script may be asked, and the functions that it answers with.
//!
//! Apart because the check of a script, the run and the documentation read the same table. A
//! script opts into an event by defining its function.

use bracketd_core::broker::Bar;
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
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
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
        }
    }

    /// The types of the function's parameters, as the toolkit's documentation names them.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Arm | Self::Start | Self::Open => &["Transaction", "Params"],
            Self::Waiting | Self::Tick => &["Transaction", "Market", "Params"],
            Self::Fill | Self::ExitFill => &["Transaction", "Fill", "Params"],
            Self::Bar => &["Transaction", "Bar", "Params"],
            Self::Timer => &["Transaction", "string", "Params"],
            Self::Ack => &["Transaction", "Asked", "Params"],
            Self::Reject => &["Transaction", "Asked", "Reason", "Params"],
            Self::Close => &["Transaction", "Result", "Params"],
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
        }
    }
}
