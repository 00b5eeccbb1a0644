//! One step: people, fills and answers first, then policy runs, then one commit, then dispatch.
//!
//! Apart because the order of these phases is the engine's promise (I3): nothing leaves before the
//! commit that records it, and a failed commit keeps its batch whole.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::apply::{NoticeKind, Transition, apply};
use bracketd_core::broker::{BrokerEvent, Fault, FromAccount};
use bracketd_core::bug::{self, Bug};
use bracketd_core::command::{Answer, Command, Op, OpKind, OpState, Read, Urgency};
use bracketd_core::control::file_seen;
use bracketd_core::decide::{PolicyIs, decide};
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::follow::follow;
use bracketd_core::ids::{AccountName, BrokerOrderId, OpId, PolicyName, Symbol, TransactionId};
use bracketd_core::intent::{Outcome, Request, Source, Verdict};
use bracketd_core::order::{Order, OrderStatus};
use bracketd_core::plan::{plan, raised, wake};
use bracketd_core::reconcile::Doubts;
use bracketd_core::refusal::Refusal;
use bracketd_core::time::Timestamp;
use bracketd_store::Batch;

use crate::engine::Engine;
use crate::input::{Budget, Dispatch, Input, Ticket};
use crate::market::BASE_SECONDS;
use crate::parked::needs;
use crate::runs::Happening;

/// Policy state that changed without an intent is written at the latest after this.
const STATE_MS_MAX: u64 = 1_000;
/// A command that an account had no room for is offered again after this.
const NOT_TAKEN_MS: u64 = 50;
/// Bars asked for when a symbol is first watched.
const BARS_WANTED: u32 = 300;
/// Ended transactions kept in memory, for people who look.
const ENDED_KEPT: usize = 1_000;

/// What a step comes to whose batch could not be written: nothing is sent.
fn stalled(now: Timestamp, verdicts: Vec<(Ticket, Verdict)>, why: String) -> Dispatch {
    Dispatch {
        verdicts,
        ledger_error: Some(why),
        next_timer: Some(now.plus_ms(NOT_TAKEN_MS)),
        ..Dispatch::default()
    }
}

impl Engine {
    /// Takes what arrived, decides, commits once, and returns what is to be sent.
    pub fn step(&mut self, now: Timestamp, inputs: Vec<Input>, budget: &dyn Budget) -> Dispatch {
        let inputs = match self.write_unsaved(now, inputs) {
            Ok(inputs) => inputs,
            Err(stalled) => return *stalled,
        };
        let mut out = self.recovered.take().unwrap_or_default();
        out.touched.extend(std::mem::take(&mut self.replan));
        let mut sent = Dispatch::default();
        let mut raised = Vec::new();
        self.book.is_disk_full = self.ledger.is_disk_full();
        for input in self.held_back.take().chain(inputs) {
            if let Input::Request { ticket, request } = &input
                && self.raises(request)
            {
                raised.push((*ticket, (**request).clone()));
            }
            self.take_in(input, now, &mut out, &mut sent);
        }
        self.let_parked_go(now, &mut out, &mut sent);
        self.read_again(now, &mut out);
        for id in self.timers.due(now) {
            wake(&mut self.book, id, now, &mut out);
            out.touched.insert(id);
        }
        self.plan_touched(now, &mut out);
        self.beat(now, &mut out);
        self.run_policies(now, budget, &mut out, &mut sent);
        self.plan_touched(now, &mut out);
        self.commit(now, out, sent, &raised)
    }

    fn take_in(&mut self, input: Input, now: Timestamp, out: &mut Transition, sent: &mut Dispatch) {
        match input {
            Input::Account(from) => self.heard(from, now, out),
            Input::Request { ticket, request } => match needs(&self.book, &request, now) {
                Some(needed) => self.park(Some(ticket), *request, needed, now, out),
                None => {
                    let verdict = self.decide(&request, now, out);
                    sent.verdicts.push((ticket, verdict));
                }
            },
            Input::NotTaken { account, op } => {
                let fault = Fault::new("QUEUE_FULL", "the account had no room for the command");
                let answer = Answer::NotSent { fault, after_ms: NOT_TAKEN_MS };
                let event = BrokerEvent::Answer { op, answer };
                apply(&mut self.book, FromAccount { account, event }, now, out);
            }
            Input::Policies(report) => self.policies_changed(*report, now, out),
            Input::KillFile(file) => file_seen(&mut self.book, file, now, out),
            Input::Compare(account) => self.ask_for_picture(&account, now, out),
            Input::Remembers(account, entries) => {
                self.remembered.insert(account, entries);
            }
            Input::Thaw { ticket, thaw } => {
                let verdict = self.thaw(&thaw, now, out);
                sent.verdicts.push((ticket, verdict));
            }
        }
    }

    fn heard(&mut self, from: FromAccount, now: Timestamp, out: &mut Transition) {
        let account = from.account.clone();
        match &from.event {
            BrokerEvent::Quotes(quotes) => {
                for quote in quotes {
                    let complete = self.market.quoted(&account, quote);
                    self.wake_policies_of(&account, &quote.symbol);
                    self.ask_account_at_price(&account, now);
                    if let Some(bar) = complete {
                        self.ask_all(&account, Some(&quote.symbol), &Happening::Bar(bar));
                    }
                }
            }
            BrokerEvent::Bars { symbol, seconds, bars } => {
                self.market.filled_in(&account, symbol, *seconds, bars);
            }
            BrokerEvent::NoInstrument { symbol, fault } => {
                self.parking.unknown(&account, symbol, &fault.message);
            }
            _ => {}
        }
        let session_of = match &from.event {
            BrokerEvent::Session { symbol, .. } => {
                let known = self.book.accounts.get(&account);
                Some((symbol.clone(), known.and_then(|a| a.sessions.get(symbol)).cloned()))
            }
            _ => None,
        };
        let was_reconciled = self.is_reconciled(&account);
        // Another plugin may see what the one before did not.
        let came_up = matches!(from.event, BrokerEvent::Up(_) | BrokerEvent::Swapped { .. });
        let is_money = matches!(from.event, BrokerEvent::Balance(_));
        let read_whole = matches!(from.event, BrokerEvent::Picture(_));
        let priced: Vec<Symbol> = match &from.event {
            BrokerEvent::Quotes(quotes) => {
                quotes.iter().map(|quote| quote.symbol.clone()).collect()
            }
            _ => Vec::new(),
        };
        apply(&mut self.book, from, now, out);
        self.follow_prices(&account, priced, now, out);
        if came_up {
            self.ask_for_picture(&account, now, out);
            self.ask_for_pending(&account, out);
        }
        if !was_reconciled && self.is_reconciled(&account) {
            self.ask_all(&account, None, &Happening::Start);
            self.runs.compared(&account);
            self.schedule_all(&account, None, now);
        }
        if let Some((symbol, before)) = session_of {
            self.session_read(&account, &symbol, before.as_ref(), now);
        }
        if is_money || read_whole {
            self.ask_account(&account);
        }
        if came_up || read_whole {
            // What could not be planned while the account was away is planned now.
            let all = self.book.transactions.values().filter(|tx| tx.account == account);
            out.touched.extend(all.filter(|tx| tx.has_business()).map(|tx| tx.id));
        }
    }

    /// New prices: what trails them is brought up to them.
    fn follow_prices(
        &mut self,
        account: &AccountName,
        symbols: Vec<Symbol>,
        now: Timestamp,
        out: &mut Transition,
    ) {
        for symbol in symbols {
            let Some(ids) = self.by_symbol.get(&(account.clone(), symbol)) else { continue };
            for id in ids {
                follow(&mut self.book, *id, now, out);
            }
        }
    }

    fn is_reconciled(&self, account: &AccountName) -> bool {
        self.book.accounts.get(account).is_some_and(|account| account.is_reconciled)
    }

    /// A complete read, back to before the oldest live transaction.
    fn picture(&self, account: &AccountName, now: Timestamp) -> Read {
        let live = self.book.transactions.values().filter(|tx| tx.account == *account);
        let since = live.filter(|tx| !tx.status.is_ended()).map(|tx| tx.created_at).min();
        Read::Picture { since: Timestamp(since.unwrap_or(now).0.saturating_sub(60_000_000)) }
    }

    fn ask_for_picture(&self, account: &AccountName, now: Timestamp, out: &mut Transition) {
        out.reads.push((account.clone(), self.picture(account, now)));
        let held = self.by_symbol.keys().filter(|(name, _)| name == account).map(|(_, s)| s);
        let always = self.always_watched.get(account).into_iter().flatten();
        let symbols: BTreeSet<&Symbol> = held.chain(always).collect();
        for symbol in symbols {
            out.reads.push((account.clone(), Read::Instrument(symbol.clone())));
        }
    }

    /// Orders whose end or change was asked for before the account went away: what became of them was
    /// told to nobody, and a whole read may have to wait for its messages. A stop that was to go may be
    /// gone. Until the account is compared with the book, that read goes before everything.
    fn ask_for_pending(&self, account: &AccountName, out: &mut Transition) {
        if !self.is_reconciled(account) {
            return;
        }
        let pending = |order: &&Order| {
            matches!(order.status, OrderStatus::PendingCancel | OrderStatus::PendingReplace)
        };
        for tx in self.book.transactions.values().filter(|tx| tx.account == *account) {
            let orders: Vec<BrokerOrderId> =
                tx.orders.iter().filter(pending).map(|order| order.broker_id.clone()).collect();
            if !orders.is_empty() {
                out.reads.push((account.clone(), Read::Refresh { orders }));
            }
        }
    }

    /// What a read left in doubt is read again when its settle window is over.
    fn read_again(&mut self, now: Timestamp, out: &mut Transition) {
        let due = self.book.accounts.values_mut().filter_map(|account| {
            let is_due = account.is_up && account.doubts.recheck_at.is_some_and(|at| at <= now);
            is_due.then(|| {
                account.doubts.recheck_at = None;
                account.name.clone()
            })
        });
        for account in due.collect::<Vec<_>>() {
            let doubts = self.book.accounts.get(&account).map(|known| &known.doubts);
            let orders = doubts.map(Doubts::orders).unwrap_or_default();
            if !orders.is_empty() {
                // By their id, at once: a whole read may have to wait for its messages.
                out.reads.push((account.clone(), Read::Refresh { orders }));
            }
            let read = self.picture(&account, now);
            out.reads.push((account, read));
        }
    }

    pub(crate) fn decide(
        &mut self,
        request: &Request,
        now: Timestamp,
        out: &mut Transition,
    ) -> Verdict {
        let (policies, runs) = (&self.policies, &self.runs);
        let policy_is = |name: &PolicyName| match policies.policy(name) {
            None => PolicyIs::Unknown,
            Some(policy) if runs.is_frozen(policy) => PolicyIs::Frozen,
            Some(_) => PolicyIs::Active,
        };
        decide(&mut self.book, request, &policy_is, now, out)
    }

    fn park(
        &mut self,
        ticket: Option<Ticket>,
        request: Request,
        needed: (AccountName, Symbol),
        now: Timestamp,
        out: &mut Transition,
    ) {
        out.reads.push((needed.0.clone(), Read::Instrument(needed.1.clone())));
        self.parking.park(ticket, request, needed, now);
    }

    fn let_parked_go(&mut self, now: Timestamp, out: &mut Transition, sent: &mut Dispatch) {
        for (parked, refused) in self.parking.ready(&self.book, now) {
            let verdict = match refused {
                Some(why) => Verdict {
                    outcome: Outcome::Refused(Refusal::UnknownInstrument),
                    message: format!("{} is not known at {}: {why}", parked.symbol, parked.account),
                    transaction: None,
                    version: 0,
                },
                None => self.decide(&parked.request, now, out),
            };
            if let Some(ticket) = parked.ticket {
                sent.verdicts.push((ticket, verdict));
            }
        }
    }

    /// A request that a policy run made, decided against the book as it is now.
    pub(crate) fn decide_for_policy(
        &mut self,
        request: Request,
        now: Timestamp,
        out: &mut Transition,
    ) {
        match needs(&self.book, &request, now) {
            Some(needed) => self.park(None, request, needed, now, out),
            None => {
                self.decide(&request, now, out);
            }
        }
    }

    fn plan_touched(&mut self, now: Timestamp, out: &mut Transition) {
        let touched: Vec<TransactionId> = out.touched.iter().copied().collect();
        for id in touched {
            follow(&mut self.book, id, now, out);
            plan(&mut self.book, id, now, out);
        }
        for notice in std::mem::take(&mut out.notices) {
            self.notify_policies(&notice);
            let tx = self.book.transactions.get(&notice.transaction);
            if let Some(account) = tx.map(|tx| tx.account.clone()) {
                self.ask_account(&account);
            }
            match notice.kind {
                NoticeKind::Closed => self.ended.push_back(notice.transaction),
                NoticeKind::Armed | NoticeKind::Opened => self.schedule(notice.transaction, now),
                _ => {}
            }
        }
    }

    /// Writes the batch and hands out what follows from it; on failure everything is kept.
    fn commit(
        &mut self,
        now: Timestamp,
        out: Transition,
        mut sent: Dispatch,
        raised: &[(Ticket, Request)],
    ) -> Dispatch {
        let touched: Vec<TransactionId> = out.touched.iter().copied().collect();
        for id in touched {
            self.index(id, now);
        }
        if let Err(why) = self.write(now, &out, &mut sent) {
            let mut verdicts = std::mem::take(&mut sent.verdicts);
            self.unsaved = Some((out, sent));
            let mut early = self.early_answers(raised, &mut verdicts, &why);
            if bug::is(Bug::M5) {
                early.extend(verdicts.iter().cloned());
            }
            if let Some((_, sent)) = &mut self.unsaved {
                sent.verdicts = verdicts;
            }
            return stalled(now, early, why);
        }
        self.finish(now, out, sent)
    }

    fn write(
        &mut self,
        now: Timestamp,
        out: &Transition,
        sent: &mut Dispatch,
    ) -> Result<(), String> {
        let state_is_late =
            self.states.unsaved_since.is_some_and(|since| now.ms_since(since) >= STATE_MS_MAX);
        let has_memory = !self.remembered.is_empty();
        if out.is_empty() && out.instruments.is_empty() && !state_is_late && !has_memory {
            return Ok(());
        }
        let instruments = out.instruments.iter().filter_map(|(name, symbol)| {
            let account = self.book.accounts.get(name)?;
            Some((name.clone(), &**account.instruments.get(symbol)?))
        });
        let states = self.states.unsaved.iter().filter_map(|key| self.states.kept.get(key));
        let unsaved = self.states.unsaved_accounts.iter();
        let account_states = unsaved.filter_map(|key| self.states.accounts.get(key));
        let touched = out.touched.iter().filter_map(|id| self.book.transactions.get(id));
        let facts = self.facts_to_write(&out.facts);
        let controls = out
            .controls
            .iter()
            .flatten()
            .filter_map(|name| Some((name.clone(), &self.book.accounts.get(name)?.control)));
        let batch = Batch {
            at: now,
            transactions: touched.map(|tx| &**tx).collect(),
            ops: out.ops.iter().map(|(id, op)| (*id, op)).collect(),
            facts: &facts,
            policy_states: states.cloned().collect(),
            policy_versions: self.runs.take_versions(),
            instruments: instruments.collect(),
            controls: controls.collect(),
            kill: out.controls.contains(&None).then_some(&self.book.kill),
            kv: self.remembered.iter().map(|(name, all)| (name.clone(), &**all)).collect(),
            policy_freezes: self.runs.take_freezes(),
            account_states: account_states.cloned().collect(),
            policy_params: self.runs.take_values(),
        };
        let versions = batch.policy_versions.clone();
        let has_freezes = batch.policy_freezes.is_some();
        let values = batch.policy_params.clone();
        match self.ledger.commit(&batch) {
            Ok(committed) => {
                let first = committed.first_fact_seq;
                sent.facts = (first..).zip(facts.into_owned()).collect();
                self.facts_written(&out.facts);
                self.states.unsaved.clear();
                self.states.unsaved_accounts.clear();
                self.remembered.clear();
                self.states.unsaved_since = None;
                Ok(())
            }
            Err(error) => {
                self.runs.keep_versions(versions);
                self.runs.keep_values(values);
                if has_freezes {
                    self.runs.keep_freezes();
                }
                Err(error.to_string())
            }
        }
    }

    /// The facts of this commit: those of its changes.
    fn facts_to_write<'f>(&self, facts: &'f [Fact]) -> Cow<'f, [Fact]> {
        #[cfg(feature = "bugs")]
        if bug::is(Bug::M6) {
            return Cow::Owned(self.late_facts.clone());
        }
        Cow::Borrowed(facts)
    }

    #[cfg_attr(not(feature = "bugs"), expect(clippy::unused_self, reason = "a bug needs it"))]
    fn facts_written(&mut self, facts: &[Fact]) {
        #[cfg(feature = "bugs")]
        if bug::is(Bug::M6) {
            self.late_facts = facts.to_vec();
        }
        let _ = facts;
    }

    fn finish(&mut self, now: Timestamp, out: Transition, mut sent: Dispatch) -> Dispatch {
        sent.raised = self.raised(&out);
        sent.overtaken = self.overtaken(&out);
        sent.commands = out.commands;
        sent.reads = out.reads;
        sent.watch = self.watch_changed(&mut sent.reads, now);
        sent.has_more = !self.runs.is_empty();
        let state_due = self.states.unsaved_since.map(|since| since.plus_ms(STATE_MS_MAX));
        let rechecks = self.book.accounts.values().filter(|account| account.is_up);
        let recheck = rechecks.filter_map(|account| account.doubts.recheck_at).min();
        let timers =
            [self.timers.next(), self.beats.next(), self.parking.next_timer(), state_due, recheck];
        let timers = timers.into_iter().chain([self.next_on_error()]);
        sent.next_timer = timers.into_iter().flatten().min();
        while self.ended.len() > ENDED_KEPT {
            if let Some(oldest) = self.ended.pop_front() {
                self.forget(oldest);
            }
        }
        sent
    }

    /// Transactions of which something waits on its way while something worse came up behind it.
    fn raised(&self, out: &Transition) -> Vec<(AccountName, TransactionId, Urgency)> {
        let is_new = |id: TransactionId| out.commands.iter().any(|c| c.transaction == id);
        let touched = out.touched.iter().filter(|id| !is_new(**id));
        let with_account = |id: &TransactionId| {
            let account = self.book.transactions.get(id)?.account.clone();
            Some((account, *id, raised(&self.book, *id)?))
        };
        touched.filter_map(with_account).collect()
    }

    /// Rows on their way of whose transaction an exit filled meanwhile (S3), or whose slice has exits
    /// that their command does not name (S2). A cancel names one order, and is right whatever else is so.
    fn overtaken(&self, out: &Transition) -> Vec<(AccountName, OpId)> {
        let is_new = |op: &Op| out.commands.iter().any(|command| command.op == op.id);
        let exits = out.facts.iter().filter(|fact| fact.kind == FactKind::ExitFilled);
        let sold: BTreeSet<TransactionId> = exits.filter_map(|fact| fact.transaction).collect();
        let waits = |op: &&Op| matches!(op.state, OpState::InFlight { .. }) && !is_new(op);
        let cancels = |op: &Op| matches!(op.kind, OpKind::Cancel { .. });
        let mut rows = Vec::new();
        for tx in out.touched.iter().filter_map(|id| self.book.transactions.get(id)) {
            let is_sold = sold.contains(&tx.id);
            let differs = |op: &&Op| is_sold || self.book.lacks_an_exit(tx, op);
            let overtaken = tx.ops.iter().filter(waits).filter(|op| !cancels(op)).filter(differs);
            rows.extend(overtaken.map(|op| (tx.account.clone(), op.id.clone())));
        }
        rows
    }

    fn forget(&mut self, id: TransactionId) {
        if !self.book.transactions.get(&id).is_some_and(|tx| tx.has_business()) {
            self.book.forget(id);
            self.timers.set(id, None);
            self.states.kept.retain(|(owner, _), _| *owner != id);
            self.runs.forget(id);
        }
    }

    /// What was to be sent before the ledger failed is for another moment: each row passes the
    /// present state once more, like any that was not sent.
    fn hold_commands(&mut self, commands: &mut Vec<Command>) {
        let rows = commands
            .drain(..)
            .map(|command| Input::NotTaken { account: command.account, op: command.op });
        self.held_back.keep_first(rows);
    }

    /// Retries a batch that could not be written; what arrived is kept until it is. Gives it back
    /// where there is none.
    ///
    /// # Errors
    /// The answer of this step, where there was one.
    fn write_unsaved(
        &mut self,
        now: Timestamp,
        inputs: Vec<Input>,
    ) -> Result<Vec<Input>, Box<Dispatch>> {
        let Some((mut out, mut sent)) = self.unsaved.take() else { return Ok(inputs) };
        let why = match self.write(now, &out, &mut sent) {
            Ok(()) => {
                self.hold_commands(&mut out.commands);
                inputs.into_iter().for_each(|input| self.held_back.keep(input));
                let done = self.finish(now, out, sent);
                return Err(Box::new(Dispatch { has_more: true, ..done }));
            }
            Err(why) => why,
        };
        self.unsaved = Some((out, sent));
        let (mut verdicts, rest) = self.hold_kills(inputs, &why, now);
        for input in rest {
            match input {
                Input::Request { ticket, .. } | Input::Thaw { ticket, .. } => {
                    verdicts.push(Self::ledger_failed(ticket, &why))
                }
                other => self.held_back.keep(other),
            }
        }
        Err(Box::new(stalled(now, verdicts, why)))
    }

    /// The symbols whose prices are needed: those of live transactions and of waiting requests.
    fn watch_changed(
        &mut self,
        reads: &mut Vec<(AccountName, Read)>,
        now: Timestamp,
    ) -> Option<BTreeMap<AccountName, Vec<Symbol>>> {
        let mut wanted: BTreeMap<AccountName, BTreeSet<Symbol>> = BTreeMap::new();
        let always = self
            .always_watched
            .iter()
            .flat_map(|(name, all)| all.iter().map(|symbol| (name.clone(), symbol.clone())));
        let live = self.by_symbol.keys().cloned().chain(self.parking.symbols()).chain(always);
        for (account, symbol) in live {
            wanted.entry(account).or_default().insert(symbol);
        }
        let wanted: BTreeMap<AccountName, Vec<Symbol>> =
            wanted.into_iter().map(|(name, all)| (name, all.into_iter().collect())).collect();
        if wanted == self.watched {
            return None;
        }
        for (account, symbols) in &wanted {
            let before = self.watched.get(account);
            let span_us = i64::from(BASE_SECONDS) * i64::from(BARS_WANTED) * 1_000_000;
            for symbol in symbols.iter().filter(|s| before.is_none_or(|b| !b.contains(s))) {
                reads.push((
                    account.clone(),
                    Read::Bars {
                        symbol: symbol.clone(),
                        seconds: BASE_SECONDS,
                        since: Timestamp(now.0.saturating_sub(span_us)),
                        limit: BARS_WANTED,
                    },
                ));
            }
        }
        self.watched.clone_from(&wanted);
        Some(wanted)
    }

    /// A note of the host itself, committed with the step.
    pub(crate) fn host_fact(now: Timestamp, kind: FactKind, text: String) -> Fact {
        let mut fact = Fact::new(now, kind, Source::Host);
        fact.text = text;
        fact
    }
}
