//! Which fault met which state of the protocol, how often.
//!
//! Apart because a simulation in which something never happened proves nothing about it: a long
//! run with a zero where there must be none has failed.

use bracketd_core::command::{Call, Change, Command, OpState};
use bracketd_core::protection::Protection;
use bracketd_core::transaction::{Task, Transaction, TransactionStatus};

use crate::fault::Fault;

macro_rules! states {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal;)+) => {
        /// What a transaction was about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum State {
            $($(#[doc = $doc])+ $name,)+
        }

        impl State {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in tables.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

states! {
    /// The entry is on its way or rests.
    Waiting = "waiting";
    /// Some of it is held, and the entry rests.
    Partly = "partly";
    /// Its stop is on its way.
    Pending = "pending";
    /// Its stop is missing, and that is said.
    Unprotected = "unprotected";
    /// All is as it should be.
    Protected = "protected";
    /// It is being closed.
    Closing = "closing";
    /// It is being made smaller or larger.
    Resizing = "resizing";
    /// An outcome is unknown.
    Doubt = "doubt";
    /// A command that opens or grows.
    Entering = "entering";
    /// A command that makes a stop where none is.
    Protecting = "protecting";
    /// A command that moves what rests.
    Moving = "moving";
    /// A command that takes exits away.
    Freeing = "freeing";
    /// A command that sells what is held.
    Selling = "selling";
    /// A command that cancels an entry.
    Canceling = "canceling";
}

impl State {
    /// What a transaction is about.
    pub(crate) fn of(tx: &Transaction) -> Self {
        let doubts = tx.ops.iter().any(|op| matches!(op.state, OpState::Unknown { .. }));
        match (tx.status, &tx.task, tx.protection) {
            _ if doubts => Self::Doubt,
            (TransactionStatus::Waiting, _, _) => Self::Waiting,
            (TransactionStatus::Closing, _, _) | (_, Some(Task::Close { .. }), _) => Self::Closing,
            (_, Some(Task::Reduce { .. } | Task::Grow { .. }), _) => Self::Resizing,
            _ if tx.resting_entry().is_some() => Self::Partly,
            (_, _, Protection::Pending { .. }) => Self::Pending,
            (_, _, Protection::Unprotected { .. }) => Self::Unprotected,
            (_, _, Protection::Protected | Protection::NotWanted) => Self::Protected,
        }
    }

    /// What a command is about.
    pub(crate) fn of_command(command: &Command) -> Self {
        match &command.call {
            Call::Submit(order) if order.reduce_only => Self::Selling,
            Call::Submit(_) => Self::Entering,
            Call::Cancel { .. } => Self::Canceling,
            Call::Adjust { stop: Change::Clear, target: Change::Clear, .. } => Self::Freeing,
            Call::Adjust { bracket, .. } if bracket.legs.is_empty() => Self::Protecting,
            Call::Adjust { .. } => Self::Moving,
        }
    }
}

const FAULTS: usize = Fault::ALL.len();
const STATES: usize = State::ALL.len();

/// The counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage([[u64; STATES]; FAULTS]);

impl Default for Coverage {
    fn default() -> Self {
        Self([[0; STATES]; FAULTS])
    }
}

impl Coverage {
    /// It happened.
    pub(crate) fn saw(&mut self, fault: Fault, state: State) {
        self.0[fault as usize][state as usize] += 1;
    }

    /// How often it happened.
    pub fn count(&self, fault: Fault, state: State) -> u64 {
        self.0[fault as usize][state as usize]
    }

    /// Adds another history's counters.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *mine += theirs;
        }
    }

    /// What should have happened and never did.
    pub fn missing(&self) -> Vec<(Fault, State)> {
        let pairs = Fault::ALL.iter().flat_map(|f| State::ALL.iter().map(move |s| (*f, *s)));
        pairs.filter(|(f, s)| must_happen(*f, *s) && self.count(*f, *s) == 0).collect()
    }
}

/// Whether a run of many seeds has to see the fault in that state.
fn must_happen(fault: Fault, state: State) -> bool {
    let is_command = matches!(
        state,
        State::Entering
            | State::Protecting
            | State::Moving
            | State::Freeing
            | State::Selling
            | State::Canceling
    );
    match fault {
        // What befalls a command on its way.
        Fault::Lost
        | Fault::Unheard
        | Fault::Late
        | Fault::Trap
        | Fault::Refused
        | Fault::QueueFull
        | Fault::Duplicated => is_command,
        // A definite "no" that is none: replies to new orders are what the broker's own book says.
        Fault::ErrorButDone => matches!(state, State::Moving | State::Freeing | State::Canceling),
        Fault::SlowCancel | Fault::StuckCancel => {
            matches!(state, State::Freeing | State::Canceling)
        }
        // What befalls the account, the market or the daemon while transactions are in some state.
        Fault::Reordered
        | Fault::Missing
        | Fault::Stale
        | Fault::Partial
        | Fault::Maintenance
        | Fault::Crash
        | Fault::CommitFails
        | Fault::Pause
        | Fault::ClockJump
        | Fault::Disarm
        | Fault::Kill
        | Fault::Gap
        | Fault::Halt
        | Fault::StaleQuote
        | Fault::Foreign
        | Fault::Reload
        | Fault::Thin
        | Fault::CutHistory => !is_command,
        // Asked for by its id: it left the list of open orders and nobody heard why.
        Fault::Forgotten => matches!(state, State::Waiting | State::Protected),
        Fault::TornLog => matches!(state, State::Waiting | State::Protected | State::Pending),
        Fault::ManualClose => matches!(
            state,
            State::Protected | State::Pending | State::Closing | State::Doubt | State::Unprotected
        ),
        Fault::ExternalCancel => {
            matches!(state, State::Waiting | State::Partly | State::Protected | State::Closing)
        }
        // A script that fails is told of once.
        Fault::PolicyError | Fault::PolicySlow => state == State::Protected,
        Fault::PolicyNonsense => {
            matches!(state, State::Protected | State::Pending | State::Doubt | State::Unprotected)
        }
    }
}
