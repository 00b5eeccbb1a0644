//! The judge: what must never be and what must be in the end (S1-S17).
//!
//! Apart from everything that it judges, and never by the core's own code: it believes the broker's
//! own ledger, what people were told, what was published as facts, and what the daemon was told by
//! whom. What the core says of itself is what is compared, never the measure.

mod broker;
mod doubt;
mod end;
mod gap;
mod heard;
mod model;
mod sends;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::Decimal;
use bracketd_core::ids::{AccountName, BrokerOrderId, ClientOrderId, OpId, TransactionId};
use bracketd_core::intent::Request;
use bracketd_core::order::{Direction, Role};
use bracketd_core::time::Timestamp;
use bracketd_exchange::book::OrderId;

use crate::broker::Capabilities;
use crate::fault::{Fault, Faults};
use crate::world::{AccountView, PaceView};

pub(crate) use gap::Gap;
use model::Model;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule: `S1` to `S17`.
    pub rule: &'static str,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// One account as the judge follows it.
#[derive(Debug)]
struct Side {
    name: AccountName,
    caps: Capabilities,
    /// Messages that its broker takes in a minute.
    per_minute: u32,
    may_loosen: bool,
    armed: bool,
    /// Whether its kill switch is thrown.
    killed: bool,
    /// Whether the daemon was told that it is there.
    is_up: bool,
    /// Whether the daemon was given a complete read since its start.
    is_read: bool,
    /// Whether its broker can be reached.
    reachable: bool,
    /// Until then its broker wants no message, not even a read.
    limited_until: Timestamp,
    /// When messages of the most urgent class left: about missing stops, and about what is in doubt.
    urgent_went: Vec<Timestamp>,
    /// Fills that were counted.
    fills: usize,
    /// What is held by symbol, signed, by the broker's own fills.
    held: BTreeMap<String, Decimal>,
    /// What strangers' fills brought, by symbol.
    strange: BTreeMap<String, Decimal>,
    /// What strangers' sales took of longs, and their purchases of shorts.
    strangers_took: BTreeMap<(String, Direction), Decimal>,
    /// What was published to have left so.
    outside: BTreeMap<(String, Direction), Decimal>,
    /// What was published of exits to have been another transaction's, and not yet of that one.
    given: BTreeMap<(String, Direction), Decimal>,
    foreign_over: usize,
    /// For whom the orders are that people know by these ids.
    faces: BTreeMap<BrokerOrderId, (TransactionId, Role)>,
    faces_seen: usize,
    /// What this life of the daemon was told to have filled, by order.
    told_fills: BTreeMap<BrokerOrderId, Decimal>,
    /// What any life of it was told to have filled, by order.
    told_ever: BTreeMap<BrokerOrderId, Decimal>,
    /// Exits that are live at its broker.
    live_exits: BTreeSet<OrderId>,
    /// Exits that ended there and whose end the daemon was not told: they rest for all it knows, for so
    /// many units.
    unheard_ends: BTreeMap<OrderId, (TransactionId, String, Decimal)>,
}

/// The judge. See the module's documentation.
#[derive(Debug)]
pub(crate) struct Oracle {
    violations: Vec<Violation>,
    sides: Vec<Side>,
    models: BTreeMap<TransactionId, Model>,
    /// What people asked, by ticket.
    wishes: BTreeMap<u64, Request>,
    /// Tickets whose wishes were committed.
    committed: BTreeSet<u64>,
    /// Tickets that were said yes to.
    acknowledged: BTreeMap<u64, u64>,
    /// The number of the newest fact.
    last_seq: u64,
    planned: BTreeMap<OpId, doubt::Row>,
    bodies: BTreeMap<ClientOrderId, String>,
    heard: heard::Heard,
    is_alive: bool,
    /// The daemon's own kill switch is thrown.
    killed: bool,
    is_paused: bool,
    /// The ledger cannot be written: nothing new can be published.
    is_stuck: bool,
    /// The step before could not be written.
    was_stuck: bool,
    clock_was_set: bool,
    /// When a broker said no last, and did it.
    lied_at: Option<Timestamp>,
    is_calm: bool,
    pace: PaceView,
    existing: Vec<Fault>,
    gaps: Vec<Gap>,
    /// Rows whose commands arrived so late that nobody could wait for them.
    very_late: BTreeSet<OpId>,
    /// What went wrong so far.
    struck: BTreeSet<Fault>,
}

impl Oracle {
    pub(crate) fn new(accounts: Vec<AccountView>, faults: &Faults, pace: PaceView) -> Self {
        let sides = accounts.into_iter().map(|view| Side {
            name: view.name,
            caps: view.caps,
            per_minute: view.per_minute,
            may_loosen: view.may_loosen,
            armed: true,
            killed: false,
            is_up: false,
            is_read: false,
            reachable: true,
            limited_until: crate::stage::BEGIN,
            urgent_went: Vec::new(),
            fills: 0,
            held: BTreeMap::new(),
            strange: BTreeMap::new(),
            strangers_took: BTreeMap::new(),
            outside: BTreeMap::new(),
            given: BTreeMap::new(),
            foreign_over: 0,
            faces: BTreeMap::new(),
            faces_seen: 0,
            told_fills: BTreeMap::new(),
            told_ever: BTreeMap::new(),
            live_exits: BTreeSet::new(),
            unheard_ends: BTreeMap::new(),
        });
        Self {
            violations: Vec::new(),
            sides: sides.collect(),
            models: BTreeMap::new(),
            wishes: BTreeMap::new(),
            committed: BTreeSet::new(),
            acknowledged: BTreeMap::new(),
            last_seq: 0,
            planned: BTreeMap::new(),
            bodies: BTreeMap::new(),
            heard: heard::Heard::default(),
            is_alive: false,
            killed: false,
            is_paused: false,
            is_stuck: false,
            was_stuck: false,
            lied_at: None,
            clock_was_set: false,
            is_calm: faults.is_calm(),
            pace,
            existing: faults.existing().collect(),
            gaps: Vec::new(),
            very_late: BTreeSet::new(),
            struck: BTreeSet::new(),
        }
    }

    /// Writes down that something must not be.
    pub(crate) fn fail(&mut self, rule: &'static str, at: Timestamp, text: String) {
        self.violations.push(Violation { rule, at, text });
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.violations.is_empty()
    }

    /// What was found, and the gaps that were seen.
    pub(crate) fn into_findings(self) -> (Vec<Violation>, Vec<Gap>) {
        (self.violations, self.gaps)
    }

    /// A fault struck.
    pub(crate) fn saw(&mut self, fault: Fault, now: Timestamp) {
        self.struck.insert(fault);
        if fault == Fault::ErrorButDone {
            self.lied_at = Some(now);
        }
    }

    /// A command will arrive after the settle window.
    pub(crate) fn comes_very_late(&mut self, op: &OpId) {
        self.very_late.insert(op.clone());
    }

    pub(crate) fn asked(&mut self, ticket: u64, request: &Request) {
        self.wishes.insert(ticket, request.clone());
    }

    pub(crate) fn reach(&mut self, no: usize, reachable: bool, now: Timestamp) {
        self.sides[no].reachable = reachable;
        self.forgive(now);
    }

    /// The broker said that it was too much, and until when it wants to hear nothing.
    pub(crate) fn limited(&mut self, no: usize, until: Timestamp) {
        self.sides[no].limited_until = until;
    }

    pub(crate) fn died(&mut self, now: Timestamp) {
        self.is_alive = false;
        self.is_paused = false;
        for model in self.models.values_mut() {
            model.told_left = Decimal::ZERO;
        }
        for side in &mut self.sides {
            side.is_up = false;
            side.is_read = false;
            side.told_fills.clear();
        }
        self.forgive(now);
    }

    pub(crate) fn pauses(&mut self, now: Timestamp) {
        self.is_paused = true;
        self.forgive(now);
    }

    pub(crate) fn clock_was_set(&mut self) {
        self.clock_was_set = true;
    }

    fn side_of(&self, account: &AccountName) -> Option<usize> {
        self.sides.iter().position(|side| side.name == *account)
    }
}
