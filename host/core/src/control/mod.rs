//! Kill switch and arming: what may go on at an account at all, before anything else is asked.
//!
//! Apart because these are a person's last means: they hold for every source, survive a restart,
//! and are asked before every other check, at a request and again when a command is planned or
//! sent once more. A level is a state, never an event: the planner looks at it as it stands. No
//! level takes a stop away from what is held.
//!
//! | level | nobody | people, and the host itself | policies |
//! |---|---|---|---|
//! | freeze | opens or grows | may do everything else | change nothing |
//! | protect-only | | may tighten or set a stop, reduce, close, cancel an entry, lock | nothing |
//! | cancel-entries | | as protect-only; every resting entry is canceled | nothing |
//! | flatten | | as cancel-entries; everything held is closed at the market | nothing |
//!
//! An entry that was not sent yet is given up from freeze on. Protection goes on at every level:
//! what fills gets its stop, a stop moves to what is already wanted, a lost one is made again.
//! (Levels after FIA, "Best practices for automated trading risk controls", 1.11; arming after
//! SEC 15c3-5(c).)

mod acts;
mod equity;
mod locked;
mod unclosed;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::apply::Transition;
use crate::book::{Account, Book};
use crate::bug::{self, Bug};
use crate::check::{No, is_tighter};
use crate::ids::{AccountName, Symbol};
use crate::intent::{Intent, Request, Source, Wish};
use crate::money::Price;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transaction::Transaction;

pub(crate) use acts::decide;
pub use acts::{account_told, file_seen};
pub(crate) use equity::balance_read;
pub use equity::exceeded;
pub(crate) use locked::symbol_locked;
pub use unclosed::not_closed;

/// How far the kill switch is thrown; a later one holds everything that an earlier one does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KillLevel {
    /// Not at all.
    #[default]
    Off,
    /// No new transaction, no growth, and no policy changes anything.
    Freeze,
    /// As freeze, and people may only lower the risk.
    ProtectOnly,
    /// As protect-only, and every resting entry is canceled.
    CancelEntries,
    /// As cancel-entries, and everything held is closed at the market.
    Flatten,
}

impl KillLevel {
    /// All of them, lowest first.
    pub const ALL: [Self; 5] =
        [Self::Off, Self::Freeze, Self::ProtectOnly, Self::CancelEntries, Self::Flatten];

    /// Its word, as people, the API and the ledger write it; never changed once released.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Freeze => "freeze",
            Self::ProtectOnly => "protect-only",
            Self::CancelEntries => "cancel-entries",
            Self::Flatten => "flatten",
        }
    }

    /// The level of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }
}

/// A kill switch as it was last set: the daemon's own, or that of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// How far it is thrown.
    pub level: KillLevel,
    /// Why, in the words of who set it; empty where nobody ever did.
    pub why: String,
    /// Who set it last.
    pub by: Source,
    /// Since when it stands like this; the beginning of time where nobody ever set it.
    pub since: Timestamp,
}

impl Default for Kill {
    fn default() -> Self {
        let (level, since) = (KillLevel::Off, Timestamp(0));
        Self { level, why: String::new(), by: Source::Host, since }
    }
}

/// What a loss is measured from. Kept in the ledger: a restart measures on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The UTC day, in days since 1970-01-01.
    pub day: i64,
    /// The first equity that was read on that day.
    pub day_equity: Decimal,
    /// The highest equity that was ever read, since a person last set it anew.
    pub peak_equity: Decimal,
}

/// What people decided about an account, and what must outlive a restart with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Whether commands go out; none means what the configuration says.
    pub armed: Option<bool>,
    /// The broker's own account behind the name, as it was when that was decided.
    pub broker_account: Option<String>,
    /// Its kill switch.
    pub kill: Kill,
    /// What a loss is measured from, once a limit was configured and an equity was read.
    pub baseline: Option<Baseline>,
    /// Instruments that are locked for some time; one whose time is over locks nothing any more.
    pub locked: BTreeMap<Symbol, SymbolLock>,
}

/// An instrument of an account is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolLock {
    /// Until then.
    pub until: Timestamp,
    /// Why, in the asker's words.
    pub why: String,
    /// Who asked.
    pub by: Source,
}

/// What the file in the data directory asks for; it works where nothing else can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillFile {
    /// The level it names.
    pub level: KillLevel,
    /// The rest of its words.
    pub why: String,
}

impl Account {
    /// Whether commands go out: what a person decided, else what the configuration says.
    pub fn is_armed(&self) -> bool {
        self.control.armed.unwrap_or(self.rules.armed)
    }

    /// Whether a command could go out at this moment.
    pub fn may_send(&self) -> bool {
        self.is_up
            && (self.is_reconciled || bug::is(Bug::M9))
            && (self.is_armed() || bug::is(Bug::M13))
    }

    /// Whether a command may go out has changed, or may have: what waits for a time in which it could
    /// counts from now on.
    pub fn note_able(&mut self, now: Timestamp) {
        self.able_since = self.may_send().then(|| self.able_since.unwrap_or(now));
    }
}

impl Book {
    /// The kill switch that holds for an account: its own or the daemon's, whichever is higher.
    pub fn kill_of<'a>(&'a self, account: &'a Account) -> &'a Kill {
        if account.control.kill.level > self.kill.level {
            &account.control.kill
        } else {
            &self.kill
        }
    }

    /// The level that holds for an account of that name.
    pub fn kill_level(&self, name: &AccountName) -> KillLevel {
        self.accounts.get(name).map_or(self.kill.level, |account| self.kill_of(account).level)
    }
}

/// Whether kill switch, arming and the disk let the request through, and for a policy whether the
/// account was compared. Asked before every other check of a request about a transaction, or about a new one.
///
/// # Errors
/// The refusal with its sentence.
pub fn permits(
    book: &Book,
    account: &Account,
    tx: Option<&Transaction>,
    request: &Request,
) -> Result<(), No> {
    let kill = book.kill_of(account);
    let is_policy = matches!(request.source, Source::Policy { .. });
    let may = match kill.level {
        KillLevel::Off => true,
        _ if is_policy => false,
        KillLevel::Freeze => !adds(tx, &request.intent),
        KillLevel::ProtectOnly | KillLevel::CancelEntries | KillLevel::Flatten => {
            lowers_risk(tx, &request.intent)
        }
    };
    if !may {
        return Err((Refusal::Killed, killed(kill, is_policy)));
    }
    if !account.is_armed() && (is_policy || has_to_be_sent(&request.intent)) {
        let why = format!(
            "account {} is disarmed: no command goes out; arm it first (`bracketd account arm`)",
            account.name
        );
        return Err((Refusal::Disarmed, why));
    }
    if book.is_disk_full && adds(tx, &request.intent) {
        let why = "the disk is full, or has no room for the ballast (ledger.ballast): what is left is \
                   for protecting and leaving what is held, and nothing is opened or grows";
        return Err((Refusal::DiskFull, why.to_owned()));
    }
    if is_policy && !account.is_reconciled {
        let why = format!(
            "account {} was not compared with the broker since the start; no policy decides before",
            account.name
        );
        return Err((Refusal::NotReady, why));
    }
    Ok(())
}

fn killed(kill: &Kill, is_policy: bool) -> String {
    let left = match kill.level {
        _ if is_policy => "no policy changes anything",
        KillLevel::Off | KillLevel::Freeze => "nothing is opened and nothing grows",
        KillLevel::ProtectOnly | KillLevel::CancelEntries | KillLevel::Flatten => {
            "a stop may be tightened or set; reduce, close and cancel go on"
        }
    };
    let (level, by) = (kill.level.as_str(), kill.by.label());
    format!("the kill switch is at {level} ({by}: {}): {left}", kill.why)
}

/// Whether the intent would make what is held, or could come to be held, more.
fn adds(tx: Option<&Transaction>, intent: &Intent) -> bool {
    match intent {
        Intent::Open(_) => true,
        Intent::Resize { quantity, .. } => tx.is_none_or(|tx| *quantity > tx.held()),
        // What is adopted is held already.
        Intent::Adopt(_)
        | Intent::Resolve { .. }
        | Intent::Protect { .. }
        | Intent::Ratchet { .. }
        | Intent::Close { .. }
        | Intent::CancelEntry { .. }
        | Intent::Lock { .. }
        | Intent::Trail { .. }
        | Intent::Barriers { .. }
        | Intent::ClearTimeLimit { .. }
        | Intent::Review { .. }
        | Intent::Ladder { .. }
        | Intent::LockSymbol { .. }
        | Intent::Arm { .. }
        | Intent::Kill { .. } => false,
    }
}

/// Whether nothing can be lost by the intent that could not be lost without it.
fn lowers_risk(tx: Option<&Transaction>, intent: &Intent) -> bool {
    let Some(tx) = tx else { return matches!(intent, Intent::Adopt(_)) };
    let same = |wish: Wish, now: Option<Price>| match wish {
        Wish::Keep => true,
        Wish::Clear => now.is_none(),
        Wish::Set(price) => now == Some(price),
    };
    match intent {
        Intent::Open(_) => false,
        Intent::Adopt(_) | Intent::Resolve { .. } => true,
        Intent::Resize { quantity, .. } => *quantity <= tx.held(),
        Intent::Protect { stop, target, .. } => {
            let tightens = match (*stop, tx.desired.stop) {
                (Wish::Set(to), Some(now)) => is_tighter(tx.direction, to, now),
                (Wish::Set(_), None) => true,
                (Wish::Keep | Wish::Clear, _) => false,
            };
            (tightens || same(*stop, tx.desired.stop))
                && same(*target, tx.desired.target)
                && (*target == Wish::Keep || tx.ladder.is_empty())
        }
        Intent::Barriers { transaction, stop, target, .. } => {
            let (transaction, stop, target) = (*transaction, *stop, *target);
            lowers_risk(Some(tx), &Intent::Protect { transaction, stop, target })
        }
        // Its stop only ever gets nearer.
        Intent::Trail { terms, .. } => terms.is_some(),
        // A target is no protection, and cutting the quantity anew leaves parts of it alone for a
        // moment.
        Intent::ClearTimeLimit { .. } | Intent::Ladder { .. } => false,
        Intent::Review { .. } | Intent::LockSymbol { .. } => true,
        // A ratchet moves a stop one way only; a lock moves nothing.
        Intent::Ratchet { .. }
        | Intent::Close { .. }
        | Intent::CancelEntry { .. }
        | Intent::Lock { .. }
        | Intent::Arm { .. }
        | Intent::Kill { .. } => true,
    }
}

/// Whether the intent means nothing unless a command goes out: it would lie in wait until the
/// account is armed. A wanted stop or target is state, and shown as not working meanwhile.
fn has_to_be_sent(intent: &Intent) -> bool {
    match intent {
        Intent::Open(_)
        | Intent::Close { .. }
        | Intent::Resize { .. }
        | Intent::CancelEntry { .. } => true,
        Intent::Adopt(_)
        | Intent::Resolve { .. }
        | Intent::Protect { .. }
        | Intent::Ratchet { .. }
        | Intent::Lock { .. }
        | Intent::Trail { .. }
        | Intent::Barriers { .. }
        | Intent::ClearTimeLimit { .. }
        | Intent::Review { .. }
        | Intent::Ladder { .. }
        | Intent::LockSymbol { .. }
        | Intent::Arm { .. }
        | Intent::Kill { .. } => false,
    }
}

/// The planner looks again at every transaction of the account, or of all of them, for which
/// anything may have to be done.
fn touch(book: &Book, account: Option<&AccountName>, out: &mut Transition) {
    let own = book.transactions.values().filter(|tx| account.is_none_or(|n| tx.account == *n));
    out.touched.extend(own.filter(|tx| tx.has_business()).map(|tx| tx.id));
}
