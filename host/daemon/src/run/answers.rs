//! Answers to questions, from the book as it stands between two steps.
//!
//! Apart because looking must change nothing and cost the engine little: what goes out are shared
//! pointers and small copies.

use std::collections::BTreeMap;
use std::sync::Arc;

use bracketd_account::AccountHandle;
use bracketd_core::book::{Account, Book};
use bracketd_core::command::OpState;
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};
use bracketd_core::metrics::{portfolio, trade_summary};
use bracketd_core::order::Role;
use bracketd_core::protection::Protection;
use bracketd_core::reconcile::differing;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{EntryGuard, Transaction, TransactionStatus};
use bracketd_policy::{About, Params, Policy};
use bracketd_store::PolicyFreeze;
use rust_decimal::Decimal;

use super::alerts;
use super::engine_thread::EngineThread;
use crate::guards::Standing;
use crate::message::{
    AccountDetail, AccountState, ActivityState, Gap, Guarded, Holding, ParamsSeen, PolicyState,
    Query, Reply, Seen, Sockets, Status,
};

impl EngineThread {
    pub(super) fn answer(&self, query: &Query) -> Reply {
        let book = self.engine().book();
        match query {
            Query::Status => Reply::Status(Box::new(self.status())),
            Query::Transactions(status) => {
                let wanted = |tx: &&Arc<Transaction>| status.is_none_or(|s| tx.status == s);
                let all = book.transactions.values().filter(wanted);
                Reply::Transactions(all.map(|tx| self.seen(tx)).collect())
            }
            Query::Transaction(id) => {
                Reply::Transaction(book.transactions.get(id).map(|tx| self.seen(tx)))
            }
            Query::Portfolio => Reply::Portfolio(
                book.accounts
                    .values()
                    .filter_map(|account| {
                        Some(Holding {
                            portfolio: portfolio(book, &account.name)?,
                            balance: account.balance.clone(),
                            positions: account.positions.clone(),
                            read_as_of: account.read_as_of,
                        })
                    })
                    .collect(),
            ),
            Query::Prices => {
                let prices = book.accounts.values().flat_map(|account| {
                    account.quotes.values().map(|quote| (account.name.clone(), quote.clone()))
                });
                Reply::Prices(prices.collect())
            }
            Query::Policies => {
                Reply::Policies(self.policy_states(), self.policies.unreadable.clone())
            }
            Query::PolicyParams { policy, transaction } => {
                Reply::PolicyParams(self.policy_params(policy, *transaction))
            }
            Query::Guards => Reply::Guards(self.guarded()),
            Query::TradeSummary => {
                let names = book.accounts.keys();
                Reply::TradeSummary(
                    names.map(|name| (name.clone(), trade_summary(book, name))).collect(),
                )
            }
            Query::Accounts => Reply::Accounts(self.account_details()),
        }
    }

    fn guarded(&self) -> Vec<Guarded> {
        let known = self.engine().book().accounts.values();
        known
            .map(|account| Guarded {
                account: account.name.clone(),
                rules: account.rules.clone(),
                written: self.identity.written.get(&account.name).cloned().unwrap_or_default(),
                standing: Standing {
                    refused: self.refused.get(&account.name).cloned().unwrap_or_default(),
                    armed: Some(account.is_armed()),
                    armed_by: self.arming.of(account),
                    kill: self.engine().book().kill_level(&account.name),
                },
            })
            .collect()
    }

    fn seen(&self, tx: &Arc<Transaction>) -> Seen {
        let account = self.engine().book().accounts.get(&tx.account);
        Seen {
            transaction: Arc::clone(tx),
            instrument: account.and_then(|a| a.instruments.get(&tx.symbol).cloned()),
            quote: account.and_then(|a| a.quotes.get(&tx.symbol).cloned()),
            is_managed: account.is_some_and(Account::is_armed),
            now: self.clock().now(),
        }
    }

    fn status(&self) -> Status {
        let book = self.engine().book();
        let mut transactions: BTreeMap<TransactionStatus, usize> = BTreeMap::new();
        let (mut protected, mut unknown_ops) = (0, 0);
        let (mut gaps, mut unguarded_entries) = (Vec::new(), Vec::new());
        let (mut unmanaged, mut stops_elsewhere) = (Vec::new(), Vec::new());
        let mut without_stop = Vec::new();
        let is_armed =
            |tx: &Transaction| book.accounts.get(&tx.account).is_some_and(Account::is_armed);
        for tx in book.transactions.values() {
            *transactions.entry(tx.status).or_default() += 1;
            unknown_ops +=
                tx.ops.iter().filter(|op| matches!(op.state, OpState::Unknown { .. })).count();
            protected += usize::from(tx.protection == Protection::Protected);
            gaps.extend(gap(tx));
            if tx.stop_differs() {
                stops_elsewhere.push(tx.id);
            }
            if !tx.held().is_zero() && tx.desired.stop.is_none() {
                without_stop.push(tx.id);
            }
            if !tx.held().is_zero() && !is_armed(tx) {
                unmanaged.push(tx.id);
            }
            if is_unguarded(tx) {
                unguarded_entries.push(tx.id);
            }
        }
        gaps.sort_by_key(|gap| gap.since);
        let accounts: Vec<AccountState> = self.account_states();
        let not_ready = self.not_ready(&accounts);
        Status {
            mode: self.identity.mode,
            now: self.clock().now(),
            started_at: self.started_at,
            alerts: self.alerts(&not_ready),
            not_ready,
            accounts,
            transactions,
            protected,
            stops_elsewhere,
            without_stop,
            gaps,
            unknown_ops,
            unguarded_entries,
            policies_refused: self.policies.refused.len(),
            policies_unreadable: self.policies.unreadable.clone(),
            activity: self.activity_state(),
            kill: book.kill.clone(),
            is_kill_written: !self.engine().unwritten_kills().contains(&None),
            kill_file: book.kill_file.as_ref().map(|file| file.level),
            unmanaged,
        }
    }

    fn activity_state(&self) -> ActivityState {
        let status = self.recorder.status();
        ActivityState {
            written: status.written,
            lost: status.lost,
            queued: status.queued,
            last_error: status.last_error.filter(|_| status.is_failing),
            behind: self.engine().ledger().last_fact_seq().saturating_sub(status.up_to_fact),
        }
    }

    fn account_states(&self) -> Vec<AccountState> {
        self.engine().book().accounts.values().map(|account| self.account_state(account)).collect()
    }

    fn account_state(&self, account: &Account) -> AccountState {
        let status = self.accounts.get(&account.name).map(AccountHandle::status);
        let unwritten = self.engine().unwritten_kills();
        AccountState {
            name: account.name.clone(),
            plugin: account.info.as_ref().map(|i| format!("{} {}", i.name, i.version)),
            plugins: self.accounts.get(&account.name).map(AccountHandle::plugins),
            is_up: account.is_up,
            is_reconciled: account.is_reconciled,
            is_armed: account.is_armed(),
            decision: self.arming.decision(account),
            armed_by: self.arming.of(account),
            budget: status.as_ref().map(|status| status.budget.clone()).unwrap_or_default(),
            sockets: status
                .as_ref()
                .map(|status| Sockets { wanted: status.sockets, open: status.sockets_open })
                .unwrap_or_default(),
            last_error: status.and_then(|status| status.last_error),
            control: account.control.clone(),
            kill_level: self.engine().book().kill_of(account).level,
            is_kill_written: !unwritten.contains(&Some(account.name.clone())),
        }
    }

    fn account_details(&self) -> Vec<AccountDetail> {
        let book = self.engine().book();
        let detail = |account: &Account| {
            let own = || book.transactions.values().filter(|tx| tx.account == account.name);
            let waiting = own().filter(|tx| tx.status == TransactionStatus::Waiting);
            AccountDetail {
                state: self.account_state(account),
                broker_account: account.balance.as_ref().and_then(|b| b.account.clone()),
                balance: account.balance.clone(),
                positions: account.positions.clone(),
                max_day_loss: account.rules.max_day_loss,
                max_drawdown_percent: account.rules.max_drawdown_percent,
                holding: own().filter(|tx| !tx.held().is_zero()).map(|tx| tx.id).collect(),
                waiting: waiting.map(|tx| tx.id).collect(),
                foreign_orders: account.orphans.values().cloned().collect(),
                differing: match account.read_as_of {
                    // Before the first read all that the book holds would seem to be missing.
                    None => Vec::new(),
                    Some(as_of) => differing_since(book, &account.name, as_of),
                },
                read_as_of: account.read_as_of,
                on_deadline: account.rules.on_deadline,
            }
        };
        book.accounts.values().map(detail).collect()
    }

    fn not_ready(&self, accounts: &[AccountState]) -> Vec<String> {
        let mut reasons: Vec<String> = Vec::new();
        let ledger = self.upkeep.ledger_error();
        reasons.extend(ledger.map(|why| format!("the ledger cannot be written: {why}")));
        let away = accounts.iter().filter(|account| !account.is_up || !account.is_reconciled).map(
            |account| match account.is_up {
                false => format!("account {} is not connected", account.name),
                true => format!("account {} is not reconciled", account.name),
            },
        );
        reasons.extend(away);
        reasons.extend(alerts::kills(self.engine().book(), &self.engine().unwritten_kills()));
        reasons
    }

    /// What keeps the daemon from being ready comes first.
    fn alerts(&self, not_ready: &[String]) -> Vec<String> {
        let disarmed = alerts::disarmed(self.engine().book(), &self.arming);
        let frozen = alerts::frozen(self.engine());
        let own = not_ready.iter().cloned().chain(self.upkeep.alerts());
        let values = alerts::values(&self.policies.params_refused);
        let files = self.plugins.alerts();
        let exposed = self.last_words.alarms(self.engine().book());
        own.chain(exposed).chain(disarmed).chain(frozen).chain(values).chain(files).collect()
    }

    fn policy_params(
        &self,
        name: &PolicyName,
        transaction: Option<TransactionId>,
    ) -> Option<ParamsSeen> {
        let engine = self.engine();
        let policy = engine.policies().policy(name)?;
        let tx = match transaction {
            None => None,
            Some(id) => {
                let tx = engine.book().transactions.get(&id)?;
                Some(tx).filter(|tx| tx.policies.contains(name)).map(Some)?
            }
        };
        let about = About {
            account: tx.map(|tx| &tx.account),
            symbol: tx.map(|tx| &tx.symbol),
            transaction,
        };
        let none = Params::default();
        let params = engine.policies().params(name).unwrap_or(&none);
        Some(ParamsSeen {
            values: policy.effective(params, &about).map_err(|error| error.to_string()),
            refused: self.policies.params_refused.clone(),
        })
    }

    fn policy_states(&self) -> Vec<PolicyState> {
        let engine = self.engine();
        let assigned = |name: &PolicyName| {
            let all = engine.book().transactions.values();
            all.filter(|tx| !tx.status.is_ended() && tx.policies.contains(name)).count()
        };
        let refused = |name: &PolicyName| {
            let found = self.policies.refused.iter().find(|refused| refused.name == *name);
            found.map(|refused| refused.diagnostics.clone()).unwrap_or_default()
        };
        let mut states: Vec<PolicyState> = engine
            .policies()
            .iter()
            .map(|policy| PolicyState {
                name: policy.name().clone(),
                digest: Some(policy.digest().to_owned()),
                version: policy.version().to_owned(),
                loaded_at: self.policies.loaded_at(policy.name()),
                events: policy.handlers().map(|kind| kind.handler().to_owned()).collect(),
                transactions: assigned(policy.name()),
                refused: refused(policy.name()),
                is_frozen: engine.is_frozen(policy.name()),
                freeze: engine.freeze_of(policy.name()).cloned(),
                frozen_for: of_transactions(engine.freezes(), policy),
                has_file: self.policies.has_file(policy.name()),
            })
            .collect();
        for never in &self.policies.refused {
            if engine.policies().policy(&never.name).is_none() {
                states.push(PolicyState {
                    name: never.name.clone(),
                    digest: None,
                    version: String::new(),
                    loaded_at: None,
                    events: Vec::new(),
                    transactions: assigned(&never.name),
                    refused: never.diagnostics.clone(),
                    is_frozen: false,
                    freeze: None,
                    frozen_for: Vec::new(),
                    has_file: true,
                });
            }
        }
        states.sort_by(|a, b| a.name.cmp(&b.name));
        states
    }
}

/// What differs, but for symbols of which something was traded after the read: the picture is older
/// than the book there, and says nothing of it.
fn differing_since(
    book: &Book,
    name: &AccountName,
    as_of: Timestamp,
) -> Vec<(Symbol, Decimal, Decimal)> {
    let is_newer = |symbol: &Symbol| {
        let own = book.transactions.values();
        let own = own.filter(|tx| tx.account == *name && tx.symbol == *symbol);
        own.flat_map(|tx| &tx.orders).any(|o| !o.filled.is_zero() && o.updated_at >= as_of)
    };
    differing(book, name).into_iter().filter(|(symbol, ..)| !is_newer(symbol)).collect()
}

fn of_transactions(all: &[PolicyFreeze], policy: &Policy) -> Vec<PolicyFreeze> {
    let own = all.iter().filter(|f| f.policy == *policy.name() && f.digest == policy.digest());
    own.filter(|freeze| freeze.transaction.is_some()).cloned().collect()
}

fn gap(tx: &Transaction) -> Option<Gap> {
    let why = match tx.protection {
        Protection::Unprotected { why, .. } => Some(why),
        Protection::NotWanted | Protection::Protected | Protection::Pending { .. } => None,
    };
    Some(Gap {
        transaction: tx.id,
        account: tx.account.clone(),
        symbol: tx.symbol.clone(),
        since: tx.protection.gap_since()?,
        why,
    })
}

/// Whether the entry rests, wants a stop, and carries none.
fn is_unguarded(tx: &Transaction) -> bool {
    tx.entry.guard == EntryGuard::Plain
        && tx.desired.stop.is_some()
        && tx.orders.iter().any(|o| o.role == Role::Entry && !o.status.is_terminal())
}
