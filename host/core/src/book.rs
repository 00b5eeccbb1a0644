//! Everything the core knows: accounts, their instruments and prices, and the transactions.
//!
//! Apart because it is the one state that events change; it must never reach outside itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::{Balance, OrderReport, Position, Quote, Session};
use crate::command::{BracketLeg, Call, Command, Op};
use crate::control::{Control, Kill, KillFile};
use crate::guard::{GuardRules, Memory};
use crate::ids::{AccountName, BrokerOrderId, PolicyName, Symbol, TransactionId};
use crate::instrument::{AccountInfo, Instrument};
use crate::limits;
use crate::order::{Order, OrderStatus, TimeInForce};
use crate::reconcile::Doubts;
use crate::time::Timestamp;
use crate::transaction::{OnPartial, Transaction};

/// What happens when a wanted stop is already through the market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBreached {
    /// It is shown as breached and tried again; nobody is called.
    Keep,
    /// As keep, and people are called.
    #[default]
    Alert,
    /// What is held is closed at the market.
    Close,
}

/// What happens when held quantity has been without its wanted stop for as long as the account
/// allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDeadline {
    /// People are called; the stop is tried on.
    #[default]
    Alert,
    /// What is held is closed at the market.
    Close,
}

/// What becomes of resting entries when the daemon is told to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnShutdown {
    /// They stay; those that carry no exits would fill without a stop.
    #[default]
    Keep,
    /// They are canceled, as far as the broker confirms it in time.
    CancelEntries,
}

/// What the configuration says of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRules {
    /// Policies of transactions that name none.
    pub policies: Vec<PolicyName>,
    /// Whether a stop may be loosened by an automatic source.
    pub stop_may_loosen: bool,
    /// Farthest a stop or target may be from the reference price, in percent of it.
    pub collar_percent: rust_decimal::Decimal,
    /// Oldest quote that is checked against, in milliseconds.
    pub quote_age_ms_max: u64,
    /// How long held quantity may be without its stop before it counts as Unprotected.
    pub protection_deadline_ms: u64,
    /// What happens at that moment.
    pub on_deadline: OnDeadline,
    /// What happens when a stop is already through the market.
    pub on_breached: OnBreached,
    /// What is done about a partial fill, where the transaction does not say.
    pub on_partial: Option<OnPartial>,
    /// How long exits rest.
    pub exit_time_in_force: TimeInForce,
    /// Whether commands go out before a person has decided; a disarmed account is only watched.
    pub armed: bool,
    /// The limits that no script can switch off.
    pub guards: GuardRules,
    /// What may be lost on one UTC day, in the account's currency.
    pub max_day_loss: Option<rust_decimal::Decimal>,
    /// How far the equity may fall below its peak, in percent of it.
    pub max_drawdown_percent: Option<rust_decimal::Decimal>,
    /// What becomes of resting entries when the daemon is told to stop.
    pub on_shutdown: OnShutdown,
    /// Policies that look after the account as a whole.
    pub portfolio_policies: Vec<PolicyName>,
}

impl Default for AccountRules {
    fn default() -> Self {
        Self {
            policies: Vec::new(),
            stop_may_loosen: true,
            collar_percent: rust_decimal::Decimal::from(50),
            quote_age_ms_max: limits::QUOTE_AGE_MS_MAX,
            protection_deadline_ms: limits::PROTECTION_DEADLINE_MS,
            on_deadline: OnDeadline::Alert,
            on_breached: OnBreached::Alert,
            on_partial: None,
            exit_time_in_force: TimeInForce::Gtc,
            armed: true,
            guards: GuardRules::default(),
            max_day_loss: None,
            max_drawdown_percent: None,
            on_shutdown: OnShutdown::Keep,
            portfolio_policies: Vec::new(),
        }
    }
}

/// One account as the core sees it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: AccountName,
    /// What the configuration says.
    pub rules: AccountRules,
    /// What the plugin says of itself; none before it is connected.
    pub info: Option<AccountInfo>,
    /// Whether the plugin is connected.
    pub is_up: bool,
    /// Whether the first complete read has been compared with the book.
    pub is_reconciled: bool,
    /// Rules of the instruments.
    pub instruments: BTreeMap<Symbol, Arc<Instrument>>,
    /// Latest prices.
    pub quotes: BTreeMap<Symbol, Quote>,
    /// Sessions.
    pub sessions: BTreeMap<Symbol, Session>,
    /// When a session was last asked for because it had turned.
    pub sessions_asked: BTreeMap<Symbol, Timestamp>,
    /// Money.
    pub balance: Option<Balance>,
    /// Positions as of the last complete read.
    pub positions: Vec<Position>,
    /// The broker's time of the last complete read.
    pub read_as_of: Option<Timestamp>,
    /// Open orders of the last complete read that are not ours, by the broker's id.
    pub orphans: BTreeMap<BrokerOrderId, OrderReport>,
    /// What the last complete read left in doubt. Lost at a restart, which reads twice anyway.
    pub doubts: Doubts,
    /// Since when commands may go out without a break.
    pub able_since: Option<Timestamp>,
    /// What people decided about it.
    pub control: Control,
    /// The broker's account that the login opens, where it is not the one that the live
    /// transactions are at: nothing that it says of orders or positions is believed.
    pub other_account: Option<String>,
}

impl Account {
    /// An account that has not been heard of yet.
    pub fn new(name: AccountName, rules: AccountRules) -> Self {
        Self {
            name,
            rules,
            info: None,
            is_up: false,
            is_reconciled: false,
            instruments: BTreeMap::new(),
            quotes: BTreeMap::new(),
            sessions: BTreeMap::new(),
            sessions_asked: BTreeMap::new(),
            balance: None,
            positions: Vec::new(),
            read_as_of: None,
            orphans: BTreeMap::new(),
            doubts: Doubts::default(),
            able_since: None,
            control: Control::default(),
            other_account: None,
        }
    }

    /// Whether the account, or this instrument of it, declared the feature.
    pub fn can(&self, symbol: &Symbol, feature: &str) -> bool {
        self.info.as_ref().is_some_and(|info| info.features.has(feature))
            || self.instruments.get(symbol).is_some_and(|i| i.features.has(feature))
    }

    /// Until when the broker may sit on an order of the instrument, while its session is known to be
    /// closed or has only just opened.
    pub fn idle_until(&self, symbol: &Symbol, now: Timestamp) -> Option<Timestamp> {
        self.sessions.get(symbol)?.idle_until(now)
    }
}

/// Whose an outbox row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowOwner {
    pub(crate) transaction: TransactionId,
    pub(crate) tie: crate::apply::Tie,
}

/// The whole state.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Drawn when the ledger was made; part of every op id.
    pub ledger_id: String,
    /// Rises when a ledger is restored from a backup; part of every op id.
    pub epoch: u32,
    /// The accounts.
    pub accounts: BTreeMap<AccountName, Account>,
    /// The transactions that have not ended, and those that ended lately.
    pub transactions: BTreeMap<TransactionId, Arc<Transaction>>,
    /// The number of the newest transaction.
    pub last_id: u64,
    /// Which transaction an order at an account belongs to.
    pub(crate) orders: BTreeMap<(AccountName, crate::ids::BrokerOrderId), TransactionId>,
    /// Which transaction an outbox row belongs to, settled or not, and what of it the row is about.
    pub(crate) ops: BTreeMap<crate::ids::OpId, RowOwner>,
    /// Which transaction a client order id belongs to.
    pub(crate) clients: BTreeMap<crate::ids::ClientOrderId, TransactionId>,
    /// The legs that the command of a row was made with: what its plugin hands back unchanged is no
    /// news. Lost at a restart, after which no answer comes.
    pub(crate) given: BTreeMap<crate::ids::OpId, Vec<BracketLeg>>,
    /// What the guards remember of the last minute.
    pub(crate) guards: Memory,
    /// The kill switch of the whole daemon.
    pub kill: Kill,
    /// What the file KILL asks for, while it is there.
    pub kill_file: Option<KillFile>,
    /// Since when the clock runs evenly: the start, or the moment it was last set. What was sent
    /// before it may have left only now, whatever its age by the clock.
    pub steady_since: Timestamp,
    /// Whether the room that is kept for a full disk is not there: what the disk has left is for
    /// protecting and leaving what is held.
    pub is_disk_full: bool,
}

impl Book {
    /// An empty book of that ledger.
    pub fn new(ledger_id: &str, epoch: u32) -> Self {
        Self { ledger_id: ledger_id.to_owned(), epoch, ..Self::default() }
    }

    /// Whether exits of the row's slice rest that its command does not name: they were told while it
    /// waited for its turn, and a plugin would place others beside them (S2).
    pub fn lacks_an_exit(&self, tx: &Transaction, op: &Op) -> bool {
        let Some(given) = self.given.get(&op.id) else { return false };
        let is_named = |order: &Order| given.iter().any(|leg| leg.broker_id == order.broker_id);
        let mut rests = tx.exits(op.slice).filter(|order| order.status != OrderStatus::Contingent);
        rests.any(|order| !is_named(order))
    }

    /// Keeps what these commands hand to a plugin, until it answers.
    pub(crate) fn give(&mut self, commands: &[Command]) {
        for command in commands {
            if let Call::Adjust { bracket, .. } = &command.call {
                self.given.insert(command.op.clone(), bracket.legs.clone());
            }
        }
    }
}
