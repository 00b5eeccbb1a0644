//! Where the daemon and the swap thread of an account meet: orders in, the word to go, and how it
//! stands, for people.

use std::fmt;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};

use crate::lock::{lock, whole};
use crate::plugin::Plugin;

/// How often a wait looks whether the account ends.
const LOOK: Duration = Duration::from_millis(50);

/// Which plugin, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginId {
    /// The name of its file.
    pub name: String,
    /// SHA-256 of its file, in hex.
    pub digest: String,
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (sha256 {})", self.name, self.digest)
    }
}

/// What an operator consents to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The plugin may do what the one before could not: import more, serve more interfaces, declare
    /// more features.
    pub accept_more: bool,
    /// The plugin may answer otherwise than the one before, or do less.
    pub accept_differences: bool,
}

/// What shall run.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// This plugin.
    Plugin(Plugin),
    /// The one that ran before.
    Parked {
        /// Why, where it was not a person who wanted it.
        because: Option<String>,
    },
}

impl Wanted {
    /// On whose wish, for the ledger.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Plugin(_) => "answers compared".to_owned(),
            Self::Parked { because: None } => "asked for".to_owned(),
            Self::Parked { because: Some(why) } => why.clone(),
        }
    }
}

/// One swap that was asked for.
#[derive(Debug)]
pub(crate) struct SwapOrder {
    pub(crate) number: u64,
    pub(crate) wanted: Wanted,
    pub(crate) terms: Terms,
}

impl SwapOrder {
    /// The plugin it is about, for people.
    pub(crate) fn id(&self) -> String {
        match &self.wanted {
            Wanted::Plugin(plugin) => plugin.id().to_string(),
            Wanted::Parked { .. } => "before this one".to_owned(),
        }
    }
}

/// How far a swap is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SwapStage {
    /// None is under way.
    #[default]
    Idle,
    /// The candidate is connected and its answers are compared; nothing of it may write.
    Shadow,
    /// It waits until everything of the account is protected.
    Waiting,
    /// The gate is shut.
    Gate,
}

impl SwapStage {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Shadow => "shadow",
            Self::Waiting => "waiting",
            Self::Gate => "gate",
        }
    }
}

/// How a swap ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapReport {
    /// The number it was given.
    pub number: u64,
    /// The generation that runs since; or why the old plugin goes on.
    pub outcome: Result<u64, String>,
    /// How long no command was handed out.
    pub gap: Duration,
}

/// How the swaps of an account stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwapState {
    /// How far the one under way is.
    pub stage: SwapStage,
    /// What holds it up.
    pub blocked: Option<String>,
    /// The last one that ended.
    pub last: Option<SwapReport>,
}

/// Why no swap begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwapRefused {
    /// One at a time.
    #[error("another swap of this account is under way")]
    Busy,
    /// There is nothing to go back to.
    #[error(
        "no earlier plugin is parked: nothing was swapped since the start; name the file that you \
         want back: `bracketd plugin swap ACCOUNT FILE`"
    )]
    NothingParked,
    /// The account ends.
    #[error("the account ends")]
    Ends,
}

#[derive(Debug, Default)]
struct State {
    shown: SwapState,
    is_busy: bool,
    has_word: bool,
    number: u64,
}

/// The desk of one account.
#[derive(Debug)]
pub(crate) struct SwapDesk {
    state: Mutex<State>,
    changed: Condvar,
    orders: Sender<SwapOrder>,
}

impl SwapDesk {
    /// A desk whose orders go there.
    pub(crate) fn new(orders: Sender<SwapOrder>) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), orders }
    }

    /// Hands a wish to the swap thread; the answer is its number.
    pub(crate) fn order(&self, wanted: Wanted, terms: Terms) -> Result<u64, SwapRefused> {
        let mut state = lock(&self.state);
        if state.is_busy {
            return Err(SwapRefused::Busy);
        }
        let number = state.number + 1;
        match self.orders.try_send(SwapOrder { number, wanted, terms }) {
            Ok(()) => {
                state.number = number;
                state.is_busy = true;
                state.shown.stage = SwapStage::Shadow;
                state.shown.blocked = None;
                Ok(number)
            }
            Err(TrySendError::Full(_)) => Err(SwapRefused::Busy),
            Err(TrySendError::Disconnected(_)) => Err(SwapRefused::Ends),
        }
    }

    /// Whether a candidate waits for the daemon's word.
    pub(crate) fn waits(&self) -> bool {
        lock(&self.state).shown.stage == SwapStage::Waiting
    }

    /// How it stands.
    pub(crate) fn state(&self) -> SwapState {
        lock(&self.state).shown.clone()
    }

    /// The daemon's word: everything of the account is protected now. `false`: nothing waits for it.
    pub(crate) fn word(&self, shut: impl FnOnce()) -> bool {
        let mut state = lock(&self.state);
        if state.shown.stage != SwapStage::Waiting {
            return false;
        }
        // Before the daemon decides anything else: what it decides next finds the gate shut.
        shut();
        state.shown.stage = SwapStage::Gate;
        state.has_word = true;
        self.changed.notify_all();
        true
    }

    /// What holds a swap up that waits.
    pub(crate) fn say(&self, why: &str) {
        lock(&self.state).shown.blocked = Some(why.to_owned());
    }

    /// What held it up last.
    pub(crate) fn blocked(&self) -> Option<String> {
        lock(&self.state).shown.blocked.clone()
    }

    /// Something urgent opened the gate.
    pub(crate) fn hurried(&self) {
        self.say("something urgent went ahead of it");
    }

    /// Waits for the daemon's word; `false` when it did not come in time.
    pub(crate) fn wait_for_word(&self, deadline: Instant, stopping: impl Fn() -> bool) -> bool {
        let mut state = lock(&self.state);
        state.shown.stage = SwapStage::Waiting;
        state.has_word = false;
        while !state.has_word {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || stopping() {
                return false;
            }
            state = whole(self.changed.wait_timeout(state, left.min(LOOK))).0;
        }
        true
    }

    /// A swap ended.
    pub(crate) fn ended(&self, order: &SwapOrder, outcome: Result<(u64, Duration), String>) {
        let mut state = lock(&self.state);
        let gap = outcome.as_ref().map_or(Duration::ZERO, |(_, gap)| *gap);
        let outcome = outcome.map(|(generation, _)| generation);
        state.is_busy = false;
        state.shown.stage = SwapStage::Idle;
        state.shown.blocked = None;
        state.shown.last = Some(SwapReport { number: order.number, outcome, gap });
    }
}
