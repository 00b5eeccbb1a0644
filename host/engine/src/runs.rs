//! The run queue: which policy has to be asked about which transaction, and what comes of it.
//!
//! Apart because scripts must never hold up people, fills or stops: they run after those, in
//! slices, newest price only, and a failed run changes nothing (I10).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bracketd_core::apply::{Notice, NoticeKind, Transition};
use bracketd_core::broker::Bar;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::guard::tripped;
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};
use bracketd_core::intent::{Outcome, Request, Source};
use bracketd_core::money::Price;
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use bracketd_policy::{
    BuildReport, Event, EventKind, Failure, FailureKind, FillInfo, History, Ran, Run, RunBudget,
    RunOutcome,
};
use bracketd_store::{PolicyState, PolicyVersion};

use crate::early::Early;
use crate::engine::Engine;
use crate::input::{Budget, Dispatch, Noise};
use crate::market::BASE_SECONDS;
use crate::settings::PolicySettings;

/// Two overruns of a version within this freeze it.
const FREEZE_MS: u64 = 60_000;

/// What a policy is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// Something that the core noticed.
    Notice(NoticeKind),
    /// The account was compared with the broker for the first time since the start.
    Start,
    /// A bar is complete.
    Bar(Bar),
    /// A timer of the script beats.
    Timer(String),
}

/// The order in which runs of one step go: what was lost first, prices last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Reject,
    Fill,
    Close,
    Timer,
    Other,
}

/// A run that waits. Two of the same key are one: only the newest price counts.
type Key = (Rank, u64, TransactionId, PolicyName);

/// What waits, and what is known of versions.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    waiting: BTreeMap<Key, Happening>,
    ticks: BTreeSet<(TransactionId, PolicyName)>,
    /// Accounts that were compared with the broker since the start.
    compared: BTreeSet<AccountName>,
    /// What waits until that was done.
    early: BTreeMap<AccountName, Early>,
    next_number: u64,
    overruns: BTreeMap<(PolicyName, String), Timestamp>,
    frozen: BTreeSet<(PolicyName, String)>,
    said: BTreeMap<(TransactionId, PolicyName), String>,
    versions: Vec<PolicyVersion>,
    defaults: PolicySettings,
}

impl Runs {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.ticks.is_empty()
    }

    /// New versions that the next commit has to keep.
    pub(crate) fn take_versions(&mut self) -> Vec<PolicyVersion> {
        std::mem::take(&mut self.versions)
    }

    pub(crate) fn keep_versions(&mut self, versions: Vec<PolicyVersion>) {
        self.versions = versions;
    }

    /// Whether overruns froze this version.
    pub(crate) fn is_frozen(&self, policy: &PolicyName, digest: &str) -> bool {
        self.frozen.contains(&(policy.clone(), digest.to_owned()))
    }

    /// Queues a run about something that happened to the transaction of that account.
    pub(crate) fn put(
        &mut self,
        account: &AccountName,
        transaction: TransactionId,
        policy: &PolicyName,
        happening: Happening,
    ) {
        if self.compared.contains(account) {
            self.queue(transaction, policy.clone(), happening);
        } else {
            let early = self.early.entry(account.clone()).or_default();
            early.put(transaction, policy.clone(), happening);
        }
    }

    /// Queues a run about the newest price; two are one.
    fn tick(&mut self, account: &AccountName, transaction: TransactionId, policy: &PolicyName) {
        let ticks = if self.compared.contains(account) {
            &mut self.ticks
        } else {
            &mut self.early.entry(account.clone()).or_default().ticks
        };
        ticks.insert((transaction, policy.clone()));
    }

    /// The account was compared with the broker: what waited for that is asked now.
    pub(crate) fn compared(&mut self, account: &AccountName) {
        self.compared.insert(account.clone());
        let Some(mut early) = self.early.remove(account) else { return };
        self.ticks.append(&mut early.ticks);
        for (transaction, policy, happening) in early.happenings() {
            self.queue(transaction, policy, happening);
        }
    }

    fn queue(&mut self, transaction: TransactionId, policy: PolicyName, happening: Happening) {
        let rank = match &happening {
            Happening::Notice(NoticeKind::Rejected { .. }) => Rank::Reject,
            Happening::Notice(
                NoticeKind::EntryFilled { .. } | NoticeKind::ExitFilled { .. } | NoticeKind::Opened,
            ) => Rank::Fill,
            Happening::Notice(NoticeKind::Closed) => Rank::Close,
            Happening::Timer(_) => Rank::Timer,
            Happening::Notice(NoticeKind::Armed | NoticeKind::Acknowledged { .. })
            | Happening::Start
            | Happening::Bar(_) => Rank::Other,
        };
        self.next_number += 1;
        self.waiting.insert((rank, self.next_number, transaction, policy), happening);
    }

    /// The next run: events by rank, then prices.
    fn next(&mut self) -> Option<(TransactionId, PolicyName, Option<Happening>)> {
        if let Some(((_, _, transaction, policy), kind)) = self.waiting.pop_first() {
            return Some((transaction, policy, Some(kind)));
        }
        let (transaction, policy) = self.ticks.pop_first()?;
        Some((transaction, policy, None))
    }
}

impl Engine {
    /// Whether overruns froze the version of that policy that decides now.
    pub fn is_frozen(&self, policy: &PolicyName) -> bool {
        let Some(known) = self.policies.policy(policy) else { return false };
        self.runs.is_frozen(policy, known.digest())
    }

    /// A new price: the policies of the symbol's transactions are asked, each at most once.
    pub(crate) fn wake_policies_of(&mut self, account: &AccountName, symbol: &Symbol) {
        let Some(ids) = self.by_symbol.get(&(account.clone(), symbol.clone())) else { return };
        for id in ids {
            let Some(tx) = self.book.transactions.get(id) else { continue };
            let event = match tx.status {
                TransactionStatus::Waiting => EventKind::Waiting,
                TransactionStatus::Opened => EventKind::Tick,
                TransactionStatus::Closing
                | TransactionStatus::Closed
                | TransactionStatus::Failed => continue,
            };
            for policy in &tx.policies {
                if self.policies.policy(policy).is_some_and(|p| p.handles(event)) {
                    self.runs.tick(account, *id, policy);
                }
            }
        }
    }

    /// The policies of an account's live transactions are asked about something that concerns all
    /// of them, of one symbol where one is named.
    pub(crate) fn ask_all(
        &mut self,
        account: &AccountName,
        symbol: Option<&Symbol>,
        happening: &Happening,
    ) {
        let kind = event_kind(happening);
        for tx in self.book.transactions.values() {
            let concerned = tx.account == *account
                && symbol.is_none_or(|symbol| tx.symbol == *symbol)
                && !tx.status.is_ended();
            for policy in tx.policies.iter().filter(|_| concerned) {
                if self.policies.policy(policy).is_some_and(|p| p.handles(kind)) {
                    self.runs.put(account, tx.id, policy, happening.clone());
                }
            }
        }
    }

    /// Something happened to a transaction: its policies that handle it are asked.
    pub(crate) fn notify_policies(&mut self, notice: &Notice) {
        let Some(tx) = self.book.transactions.get(&notice.transaction) else { return };
        let happening = Happening::Notice(notice.kind.clone());
        let event = event_kind(&happening);
        // What was just opened is looked at with the price that is known.
        let looks = notice.kind == NoticeKind::Opened;
        for policy in &tx.policies {
            let ticks = |p: &bracketd_policy::Policy| looks && p.handles(EventKind::Tick);
            if self.policies.policy(policy).is_some_and(ticks) {
                self.runs.tick(&tx.account, tx.id, policy);
            }
            if self.policies.policy(policy).is_some_and(|p| p.handles(event)) {
                self.runs.put(&tx.account, tx.id, policy, happening.clone());
            }
        }
    }

    /// Runs what waits until the slice is over.
    pub(crate) fn run_policies(
        &mut self,
        now: Timestamp,
        budget: &dyn Budget,
        out: &mut Transition,
        sent: &mut Dispatch,
    ) {
        let mut first = true;
        while first || !budget.slice_over() {
            first = false;
            let Some((id, policy, kind)) = self.runs.next() else { return };
            let Some(tx) = self.book.transactions.get(&id).cloned() else { continue };
            let Some(ran) = self.run_one(&tx, &policy, kind.as_ref(), now, budget) else {
                continue;
            };
            let requests = self.ran(&tx, &policy, ran, now, out, sent);
            // Shared, it would be copied whole by the first change.
            drop(tx);
            for request in requests {
                self.decide_for_policy(request, now, out);
            }
        }
    }

    fn run_one(
        &self,
        tx: &Arc<Transaction>,
        policy: &PolicyName,
        kind: Option<&Happening>,
        now: Timestamp,
        budget: &dyn Budget,
    ) -> Option<Ran> {
        let known = self.policies.policy(policy)?;
        if self.runs.is_frozen(policy, known.digest()) {
            return None;
        }
        let account = self.book.accounts.get(&tx.account)?;
        let instrument = account.instruments.get(&tx.symbol)?;
        let track = self.market.track(&tx.account, &tx.symbol);
        let since = tx.opened_at.unwrap_or(tx.created_at);
        let history = History {
            seconds: BASE_SECONDS,
            bars: track.map_or((&[], &[]), |t| t.bars().as_slices()),
            peak: track.and_then(|t| t.peak_since(since)),
            trough: track.and_then(|t| t.trough_since(since)),
        };
        let settings = self.policy_settings.get(policy).unwrap_or(&self.runs.defaults);
        let state = self.states.kept.get(&(tx.id, policy.clone()));
        let shim = BudgetOfRun(budget);
        budget.run_begins();
        Some(known.run(&Run {
            event: event_of(tx, kind, now),
            transaction: Arc::clone(tx),
            account,
            instrument: Arc::clone(instrument),
            quote: account.quotes.get(&tx.symbol).cloned(),
            history,
            params: &settings.params,
            state: state.map_or("", |s| s.state_json.as_str()),
            now,
            allowed: &settings.verbs,
            budget: &shim,
            portfolio: Some(&self.book),
        }))
    }

    /// Writes down what a run came to, and gives what it asks for.
    fn ran(
        &mut self,
        tx: &Arc<Transaction>,
        policy: &PolicyName,
        ran: Ran,
        now: Timestamp,
        out: &mut Transition,
        sent: &mut Dispatch,
    ) -> Vec<Request> {
        let digest = self.policies.policy(policy).map_or("", |p| p.digest()).to_owned();
        let source = Source::Policy { name: policy.clone(), digest: digest.clone() };
        let (transaction, policy_name) = (tx.id, policy.clone());
        for (level, text) in &ran.alerts {
            let mut fact = Fact::about(tx, now, FactKind::PolicyAlert, source.clone());
            fact.code = level.clone().into();
            fact.text.clone_from(text);
            out.facts.push(fact);
        }
        for (key, value) in &ran.notes {
            let text = format!("{key}: {value}");
            sent.noise.push(Noise::Note { transaction, policy: policy_name.clone(), text });
        }
        for (name, value) in &ran.metrics {
            let (name, value, policy) = (name.clone(), *value, policy_name.clone());
            sent.noise.push(Noise::Metric { transaction, policy, name, value });
        }
        match &ran.outcome {
            RunOutcome::Done => {}
            RunOutcome::Skipped(missing) => {
                let said = format!("skipped {missing}");
                let key = (transaction, policy_name.clone());
                if self.runs.said.insert(key, said.clone()).as_ref() != Some(&said) {
                    let missing = missing.clone();
                    sent.noise.push(Noise::Skipped { transaction, policy: policy_name, missing });
                }
                return Vec::new();
            }
            RunOutcome::Failed(failure) => {
                self.run_failed(tx, policy, &digest, failure, source, now, out);
                return Vec::new();
            }
        }
        self.note_refused(tx, policy, &ran, now, out);
        if let Some(state_json) = ran.state {
            self.keep_state(tx.id, policy, state_json, digest, now);
        }
        ran.requests
    }

    fn keep_state(
        &mut self,
        transaction: TransactionId,
        policy: &PolicyName,
        state_json: String,
        digest: String,
        now: Timestamp,
    ) {
        let key = (transaction, policy.clone());
        let state = PolicyState { transaction, policy: policy.clone(), state_json, digest };
        self.states.kept.insert(key.clone(), state);
        self.states.unsaved.insert(key);
        self.states.unsaved_since.get_or_insert(now);
    }

    /// Refusals inside a run are facts, but a script that asks for the same thing at every price
    /// is told once.
    fn note_refused(
        &mut self,
        tx: &Arc<Transaction>,
        policy: &PolicyName,
        ran: &Ran,
        now: Timestamp,
        out: &mut Transition,
    ) {
        let key = (tx.id, policy.clone());
        if ran.refused.is_empty() && !ran.requests.is_empty() {
            self.runs.said.remove(&key);
        }
        for (request, verdict) in &ran.refused {
            if let Outcome::Refused(refusal) = verdict.outcome {
                let message = &verdict.message;
                out.facts.extend(tripped(&mut self.book, tx, request, refusal, message, now));
            }
            let said = format!("{} {}", request.intent.verb(), verdict.code());
            if self.runs.said.insert(key.clone(), said.clone()).as_ref() == Some(&said) {
                continue;
            }
            let mut fact = Fact::about(tx, now, FactKind::Refused, request.source.clone());
            fact.code = verdict.code().into();
            fact.text = format!("{}: {}", request.intent.verb(), verdict.message);
            fact.inputs.clone_from(&request.inputs);
            out.facts.push(fact);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one failure has this many sides")]
    fn run_failed(
        &mut self,
        tx: &Arc<Transaction>,
        policy: &PolicyName,
        digest: &str,
        failure: &Failure,
        source: Source,
        now: Timestamp,
        out: &mut Transition,
    ) {
        let key = (policy.clone(), digest.to_owned());
        let text = failure.to_string();
        if matches!(failure.kind, FailureKind::Limit | FailureKind::Deadline) {
            let before = self.runs.overruns.insert(key.clone(), now);
            if before.is_some_and(|before| now.ms_since(before) <= FREEZE_MS) {
                self.runs.frozen.insert(key);
                let text = format!(
                    "{policy} overran twice within a minute; this version is frozen, stops stay: {text}"
                );
                let mut fact = Self::host_fact(now, FactKind::PolicyFailed, text);
                fact.code = "FROZEN".into();
                out.facts.push(fact);
            }
        }
        let said = format!("failed {text}");
        let place = (tx.id, policy.clone());
        if self.runs.said.insert(place, said.clone()).as_ref() == Some(&said) {
            return;
        }
        let mut fact = Fact::about(tx, now, FactKind::PolicyFailed, source);
        fact.code = failure.kind.as_str().into();
        fact.text = text;
        out.facts.push(fact);
    }

    /// The policy files were built anew: good versions decide from the next run on (I11).
    pub(crate) fn policies_changed(
        &mut self,
        report: BuildReport,
        now: Timestamp,
        out: &mut Transition,
    ) {
        for change in &report.changed {
            let Some(policy) = report.set.policy(&change.name) else { continue };
            let before = change.before.as_deref().map_or("none", short);
            let source = Source::Policy { name: change.name.clone(), digest: change.after.clone() };
            let mut fact = Fact::new(now, FactKind::PolicyLoaded, source);
            fact.code = change.name.to_string().into();
            fact.text = format!("{}: {before} -> {}", change.name, short(&change.after));
            out.facts.push(fact);
            self.runs.versions.push(PolicyVersion {
                name: change.name.clone(),
                digest: change.after.clone(),
                source: policy.bundle(),
                loaded_at: now,
                active: true,
            });
        }
        for refused in &report.refused {
            let mut fact = Self::host_fact(now, FactKind::PolicyRefused, String::new());
            fact.code = refused.name.to_string().into();
            fact.text = refused
                .diagnostics
                .first()
                .map_or_else(String::new, bracketd_core::diagnostic::Diagnostic::one_line);
            out.facts.push(fact);
        }
        let changed: Vec<PolicyName> = report.changed.into_iter().map(|c| c.name).collect();
        self.policies = report.set;
        // A new version decides at once, not only at the next price.
        let symbols: Vec<(AccountName, Symbol)> = self.by_symbol.keys().cloned().collect();
        for (account, symbol) in symbols.iter().filter(|_| !changed.is_empty()) {
            self.wake_policies_of(account, symbol);
            self.schedule_all(account, Some(symbol), now);
        }
    }
}

fn event_kind(happening: &Happening) -> EventKind {
    match happening {
        Happening::Start => EventKind::Start,
        Happening::Bar(_) => EventKind::Bar,
        Happening::Timer(_) => EventKind::Timer,
        Happening::Notice(kind) => match kind {
            NoticeKind::Armed => EventKind::Arm,
            NoticeKind::Opened => EventKind::Open,
            NoticeKind::EntryFilled { .. } => EventKind::Fill,
            NoticeKind::ExitFilled { .. } => EventKind::ExitFill,
            NoticeKind::Acknowledged { .. } => EventKind::Ack,
            NoticeKind::Rejected { .. } => EventKind::Reject,
            NoticeKind::Closed => EventKind::Close,
        },
    }
}

fn event_of<'a>(tx: &Transaction, what: Option<&'a Happening>, now: Timestamp) -> Event<'a> {
    match what {
        None if tx.status == TransactionStatus::Waiting => Event::Waiting,
        None => Event::Tick,
        Some(Happening::Start) => Event::Start,
        Some(Happening::Bar(bar)) => Event::Bar(*bar),
        Some(Happening::Timer(name)) => Event::Timer(name),
        Some(Happening::Notice(kind)) => event_of_notice(tx, kind, now),
    }
}

fn event_of_notice<'a>(tx: &Transaction, kind: &'a NoticeKind, now: Timestamp) -> Event<'a> {
    // A fill whose price the broker has not told yet stands at the planned entry.
    let fill = |quantity, price: Option<Price>, leg| FillInfo {
        price: price.unwrap_or(tx.entry.reference),
        quantity,
        at: now,
        leg,
    };
    match kind {
        NoticeKind::Armed => Event::Arm,
        NoticeKind::Opened => Event::Open,
        NoticeKind::EntryFilled { quantity, price } => Event::Fill(fill(*quantity, *price, None)),
        NoticeKind::ExitFilled { quantity, price, leg } => {
            Event::ExitFill(fill(*quantity, *price, *leg))
        }
        NoticeKind::Acknowledged { what } => Event::Ack { verb: what },
        NoticeKind::Rejected { what, fault } => {
            Event::Reject { verb: what, code: &fault.code, message: &fault.message }
        }
        NoticeKind::Closed => Event::Close,
    }
}

/// The first characters of a content hash: enough to tell versions apart.
fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

/// The policy host's view of the engine's budget.
struct BudgetOfRun<'a>(&'a dyn Budget);

impl RunBudget for BudgetOfRun<'_> {
    fn over(&self, operations: u64) -> bool {
        self.0.run_over(operations)
    }
}
