//! What a transaction should be: by what people asked, what was committed, and what filled.
//!
//! Apart because these are the only figures that the core's own are compared with. They come from
//! published facts, acknowledged wishes and the broker's fills, never from the book.

use std::collections::BTreeMap;

use bracketd_core::Decimal;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Intent, Request, Source, Verdict};
use bracketd_core::ladder::Rung;
use bracketd_core::money::Price;
use bracketd_core::order::Direction;
use bracketd_core::time::Timestamp;
use bracketd_engine::{Dispatch, Engine};
use bracketd_store::FactFilter;

use super::Oracle;
use super::words::{rungs_of, ticket_of};
use crate::fault::Fault;

/// One transaction as it should be.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) account: usize,
    pub(super) symbol: String,
    pub(super) direction: Direction,
    /// Units that may be entered in all.
    pub(super) allowed: Decimal,
    pub(super) stop: Option<Price>,
    pub(super) target: Option<Price>,
    /// Rungs of its ladder: units when it was set, and their target.
    pub(super) ladder: Vec<(Decimal, Price)>,
    /// What its rungs sold since it was set, by the broker's own fills.
    pub(super) sold: Sold,
    /// A ladder cut it once; its parts stay apart.
    pub(super) has_parts: bool,
    /// Units of live exits at the broker by slice: a pair counted once, by the larger of the two.
    pub(super) live: BTreeMap<String, Decimal>,
    /// When exits of a slice became fewer.
    pub(super) ended_at: BTreeMap<String, Timestamp>,
    /// One of them came after the settle window: nobody could count on it.
    pub(super) has_late: bool,
    /// When the daemon said last that some of it left, by whomever.
    pub(super) shrank_at: Option<Timestamp>,
    /// The highest version that somebody was told.
    pub(super) version: u64,
    /// `WAITING`, `OPENED`, ... as it was published last.
    pub(super) status: String,
    /// Units held, by the broker's own fills.
    pub(super) held: Decimal,
    /// Units under live stops at the broker.
    pub(super) covered: Decimal,
    /// Since when not all of it is.
    pub(super) gap_since: Option<Timestamp>,
    /// Since when that could have been known and was not published.
    pub(super) silent_since: Option<Timestamp>,
    /// When the daemon was told of the gap.
    pub(super) told_at: Option<Timestamp>,
    /// Whether the gap has another reason than the first protection of a fill.
    pub(super) is_excused: bool,
    /// Units that it holds by the fills that the daemon was told of.
    pub(super) told_held: Decimal,
    /// The same by what is written down: a later life knows it too.
    pub(super) noted_held: Decimal,
    /// The daemon was told of a stop that stands.
    pub(super) told_stop: bool,
    /// Units that its exits and closes took, by the broker's own fills.
    pub(super) left: Decimal,
    /// What of it is written down to have been sold by orders of ours.
    pub(super) noted_left: Decimal,
    /// What of it this life of the daemon was told.
    pub(super) told_left: Decimal,
    /// When it was told the last of it.
    pub(super) told_left_at: Timestamp,
    /// A close or a resize was asked for and is not over.
    pub(super) has_task: bool,
    /// When commands left for it, lately, and for which of its parts.
    pub(super) sends: Vec<(Timestamp, String)>,
}

/// What left a transaction since its ladder was set.
#[derive(Clone, Debug, Default)]
pub(super) struct Sold {
    /// When it was set.
    since: Timestamp,
    /// Units that the targets of its rungs sold, by their price.
    by_rung: BTreeMap<Price, Decimal>,
    /// Something left in another way, by an order that came too late, or was not told when it was
    /// set: of which rung that was is the core's to say.
    is_vague: bool,
}

impl Sold {
    fn begins(model: &Model, now: Timestamp) -> Self {
        let is_vague = model.held != model.noted_held;
        Self { since: now, by_rung: BTreeMap::new(), is_vague }
    }

    /// An exit filled: the target of a rung, which was planned at that time, or another one.
    pub(super) fn exit(&mut self, rung: Option<(Price, Timestamp)>, units: Decimal) {
        match rung {
            Some((price, planned_at)) if planned_at > self.since => {
                *self.by_rung.entry(price).or_default() += units;
            }
            _ => self.is_vague = true,
        }
    }
}

impl Model {
    /// Units of each rung that have not left yet, the nearest first, and its target. Only where more
    /// than the rungs' own targets sold, or one has grown, do the core's figures count, and those at
    /// most.
    pub(super) fn rungs_left(&self, rungs: &[Rung]) -> Vec<(Decimal, Price)> {
        let mut sold = self.sold.by_rung.clone();
        let is_vague = self.sold.is_vague
            || rungs.iter().zip(&self.ladder).any(|(rung, told)| rung.quantity.get() != told.0);
        let left = |(rung, target): (&Rung, Price)| {
            // Rungs of one price share what was sold there.
            let there = sold.entry(target).or_default();
            let took = (*there).min(rung.quantity.get());
            *there -= took;
            let left = rung.quantity.get() - took;
            (if is_vague { left.min(rung.left.get()) } else { left }, target)
        };
        rungs.iter().zip(self.ladder.iter().map(|told| told.1)).map(left).collect()
    }

    /// What rests of its exits now, by slice.
    pub(super) fn rests(&mut self, live: BTreeMap<String, Decimal>, now: Timestamp) {
        for (slice, before) in std::mem::replace(&mut self.live, live) {
            if self.live.get(&slice).is_none_or(|units| *units < before) {
                self.ended_at.insert(slice, now);
            }
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.status.as_str(), "CLOSED" | "FAILED")
    }

    /// Whether the daemon knows by now that something is held.
    pub(super) fn knows_held(&self) -> bool {
        self.told_held.max(self.noted_held) > Decimal::ZERO
    }

    /// Every target that is wanted of a part of it.
    pub(super) fn targets(&self) -> impl Iterator<Item = Price> {
        self.ladder.iter().map(|(_, target)| *target).chain(self.target)
    }

    /// Units without a stop where one is wanted.
    pub(super) fn naked(&self) -> Decimal {
        if self.stop.is_none() {
            Decimal::ZERO
        } else {
            (self.held - self.covered).max(Decimal::ZERO)
        }
    }
}

impl Oracle {
    /// What a step gave: its facts are committed, whether anybody reads them or not.
    pub(crate) fn dispatched(&mut self, dispatch: &Dispatch, now: Timestamp) {
        self.was_stuck = self.is_stuck;
        self.is_stuck = dispatch.ledger_error.is_some();
        if dispatch.ledger_error.is_some() && !dispatch.commands.is_empty() {
            self.fail("S11", now, "commands left although the ledger was not written".to_owned());
        }
        for (seq, fact) in &dispatch.facts {
            self.fact(*seq, fact, now);
        }
        for command in &dispatch.commands {
            self.remember_asked(command);
        }
    }

    fn fact(&mut self, seq: u64, fact: &Fact, now: Timestamp) {
        if seq != self.last_seq + 1 {
            let text = format!("fact {seq} follows fact {}", self.last_seq);
            self.fail("S9", now, text);
        }
        self.last_seq = seq;
        if let Some(ticket) = ticket_of(&fact.text) {
            self.committed.insert(ticket);
        }
        self.doubt_fact(fact, now);
        self.control_fact(fact);
        let Some(id) = fact.transaction else { return };
        if fact.kind == FactKind::TransactionOpened {
            self.opened(id, fact, now);
            return;
        }
        self.loosened(id, fact, now);
        match (fact.kind, &*fact.code) {
            (FactKind::ExitFilled, "external") => self.left_outside(id, fact, now),
            (FactKind::ExitFilled, "netted") => self.netted(id, fact, now),
            (FactKind::Difference, "NETTED") => self.netted_away(id, fact),
            _ => {}
        }
        let Some(model) = self.models.get_mut(&id) else { return };
        match fact.kind {
            FactKind::EntryFilled => model.noted_held += fact.quantity.unwrap_or_default(),
            FactKind::ExitFilled => {
                let quantity = fact.quantity.unwrap_or_default();
                model.noted_held -= quantity;
                model.shrank_at = Some(now);
                if matches!(&*fact.code, "external" | "netted") {
                    model.told_held -= quantity;
                    model.sold.is_vague = true;
                } else {
                    model.noted_left += quantity;
                }
            }
            FactKind::StopChanged => model.stop = fact.after.and_then(Price::new),
            FactKind::TargetChanged => model.target = fact.after.and_then(Price::new),
            FactKind::LadderChanged => {
                model.ladder = if fact.code == "set" { rungs_of(&fact.text) } else { Vec::new() };
                model.sold = Sold::begins(model, now);
                model.has_parts = true;
                model.is_excused = true;
            }
            FactKind::StatusChanged => {
                model.status = fact.code.to_string();
                model.has_task = fact.code == "CLOSING";
                model.is_excused = true;
            }
            FactKind::ResizeAsked => {
                let (from, to) = (fact.before.unwrap_or_default(), fact.after.unwrap_or_default());
                model.allowed += (to - from).max(Decimal::ZERO);
                model.has_task = true;
                model.is_excused = true;
            }
            FactKind::Settled if fact.code != "done" && fact.code != "awaiting" => {
                model.is_excused = true;
            }
            FactKind::Refused | FactKind::Doubt | FactKind::CancelAsked => model.is_excused = true,
            _ => {}
        }
        if matches!(fact.kind, FactKind::StopChanged) {
            self.gaps_moved(id, now);
        }
    }

    /// The same, where the pair that nobody hears of any more was another transaction's: what it sold is
    /// missing, and the youngest lose it.
    fn sold_by_another(
        &mut self,
        id: TransactionId,
        (symbol, direction): &(String, Direction),
        quantity: Decimal,
    ) -> bool {
        let Some(account) = self.models.get(&id).map(|model| model.account) else { return false };
        let mut others: Vec<&mut Model> = self
            .models
            .iter_mut()
            .filter(|(other, model)| **other != id && model.account == account)
            .filter(|(_, model)| model.symbol == *symbol && model.direction == *direction)
            .map(|(_, model)| model)
            .collect();
        let unexplained = |model: &Model| (model.left - model.noted_left).max(Decimal::ZERO);
        if others.iter().map(|model| unexplained(model)).sum::<Decimal>() < quantity {
            return false;
        }
        let mut rest = quantity;
        for other in &mut others {
            let part = unexplained(other).min(rest);
            other.noted_left += part;
            other.held += part;
            rest -= part;
        }
        if let Some(model) = self.models.get_mut(&id) {
            model.held -= quantity;
        }
        true
    }

    /// The core says that strangers sold what a transaction held: no more than they did (S10).
    fn left_outside(&mut self, id: TransactionId, fact: &Fact, now: Timestamp) {
        let Some(model) = self.models.get_mut(&id) else { return };
        let quantity = fact.quantity.unwrap_or_default();
        let key = (model.symbol.clone(), model.direction);
        let side = &mut self.sides[model.account];
        let told = side.outside.get(&key).copied().unwrap_or_default() + quantity;
        let did = side.strangers_took.get(&key).copied().unwrap_or_default();
        // Where the broker has forgotten the order of a pair that bore its id, what the other one sold can
        // only be taken for a stranger's.
        let unexplained = model.left - model.noted_left;
        let may_be_a_pair = told > did && self.existing.contains(&Fault::Forgotten);
        if may_be_a_pair && unexplained >= quantity {
            model.noted_left += quantity;
            return;
        }
        if may_be_a_pair && self.sold_by_another(id, &key, quantity) {
            return;
        }
        let Some(model) = self.models.get_mut(&id) else { return };
        let side = &mut self.sides[model.account];
        model.held -= quantity;
        side.outside.insert(key.clone(), told);
        if told > did {
            let text = format!("{id}: {told} {} said to have left by strangers, {did} did", key.0);
            self.fail("S10", now, text);
        }
        self.gaps_moved(id, now);
    }

    /// The core says that exits of another transaction sold what this one held: no more than the
    /// facts before said of those (S10).
    fn netted(&mut self, id: TransactionId, fact: &Fact, now: Timestamp) {
        let Some(model) = self.models.get_mut(&id) else { return };
        let quantity = fact.quantity.unwrap_or_default();
        model.held -= quantity;
        let key = (model.symbol.clone(), model.direction);
        let given = self.sides[model.account].given.entry(key).or_default();
        *given -= quantity;
        if *given < Decimal::ZERO {
            let text = format!("{id}: {} sold by others of ours, and nobody gave it", -*given);
            self.fail("S10", now, text);
        }
        self.gaps_moved(id, now);
    }

    /// What a transaction's exits sold beyond what it held is booked to another one.
    fn netted_away(&mut self, id: TransactionId, fact: &Fact) {
        let Some(model) = self.models.get_mut(&id) else { return };
        let quantity = fact.quantity.unwrap_or_default();
        model.held += quantity;
        let key = (model.symbol.clone(), model.direction);
        *self.sides[model.account].given.entry(key).or_default() += quantity;
    }

    fn opened(&mut self, id: TransactionId, fact: &Fact, now: Timestamp) {
        let wish = ticket_of(&fact.text).and_then(|ticket| self.wishes.get(&ticket));
        let Some(Request { intent: Intent::Open(open), .. }) = wish else {
            let text = format!("transaction {id} was opened, and nobody asked: {}", fact.text);
            return self.fail("S5", now, text);
        };
        let open = open.clone();
        let Some(account) = self.side_of(&open.account) else { return };
        let model = Model {
            account,
            symbol: open.symbol.as_str().to_owned(),
            direction: open.direction,
            allowed: open.quantity.get(),
            stop: open.stop,
            target: open.target,
            ladder: Vec::new(),
            sold: Sold::default(),
            has_parts: false,
            live: BTreeMap::new(),
            ended_at: BTreeMap::new(),
            has_late: false,
            shrank_at: None,
            version: 1,
            status: "WAITING".to_owned(),
            held: Decimal::ZERO,
            covered: Decimal::ZERO,
            gap_since: None,
            silent_since: None,
            told_at: None,
            is_excused: false,
            told_held: Decimal::ZERO,
            noted_held: Decimal::ZERO,
            told_stop: false,
            left: Decimal::ZERO,
            noted_left: Decimal::ZERO,
            told_left: Decimal::ZERO,
            told_left_at: now,
            has_task: false,
            sends: Vec::new(),
        };
        if self.models.insert(id, model).is_some() {
            self.fail("S9", now, format!("transaction {id} was opened twice"));
        }
    }

    /// What people decided about an account or all of them.
    fn control_fact(&mut self, fact: &Fact) {
        let no = fact.account.as_ref().and_then(|account| self.side_of(account));
        match (fact.kind, no) {
            (FactKind::Armed, Some(no)) => self.sides[no].armed = true,
            (FactKind::Disarmed, Some(no)) => self.sides[no].armed = false,
            (FactKind::KillChanged, Some(no)) => self.sides[no].killed = fact.code != "off",
            (FactKind::KillChanged, None) => self.killed = fact.code != "off",
            _ => {}
        }
    }

    /// With a ratchet no automatic source loosens a stop (S12).
    fn loosened(&mut self, id: TransactionId, fact: &Fact, now: Timestamp) {
        let Some(model) = self.models.get(&id) else { return };
        let by_policy = matches!(fact.source, Source::Policy { .. });
        let changes = matches!(
            fact.kind,
            FactKind::StopChanged
                | FactKind::TargetChanged
                | FactKind::LadderChanged
                | FactKind::CloseAsked
                | FactKind::ResizeAsked
        );
        if by_policy && changes && (self.killed || self.sides[model.account].killed) {
            let text = format!("{id}: a policy's {} under the kill switch", fact.kind.as_str());
            self.fail("S11", now, text);
            return;
        }
        let has_ratchet = !self.sides[model.account].may_loosen;
        // What the host moves by itself it only ever moves one way, whatever an account allows.
        let by_host = fact.source == Source::Host;
        if fact.kind != FactKind::StopChanged || !(by_host || by_policy && has_ratchet) {
            return;
        }
        let (Some(before), true) = (model.stop, model.status == "OPENED") else { return };
        let looser = fact.after.and_then(Price::new).is_none_or(|after| match model.direction {
            Direction::Long => after < before,
            Direction::Short => after > before,
        });
        if looser {
            let text = format!(
                "{id}: {} loosened the stop from {before} to {:?}",
                fact.source.label(),
                fact.after
            );
            self.fail("S12", now, text);
        }
    }

    /// Somebody read a verdict.
    pub(crate) fn told(
        &mut self,
        ticket: u64,
        request: Option<&Request>,
        verdict: &Verdict,
        now: Timestamp,
    ) {
        use bracketd_core::intent::Outcome;
        if !matches!(verdict.outcome, Outcome::Stored | Outcome::Staged) {
            return;
        }
        if !self.committed.contains(&ticket) {
            let what = request.map_or("?", |request| request.intent.verb());
            let text = format!("{what} was acknowledged and is not in the ledger");
            return self.fail("S6", now, text);
        }
        self.acknowledged.insert(ticket, verdict.version);
        if let Some(model) = verdict.transaction.and_then(|id| self.models.get_mut(&id)) {
            model.version = model.version.max(verdict.version);
        }
    }

    /// A daemon started over its ledger: nothing that was acknowledged or published may be missing,
    /// and what it holds must be explained by facts (S6, S9).
    pub(crate) fn started(&mut self, engine: &Engine, now: Timestamp) {
        self.is_alive = true;
        let mut after_seq = 0;
        let mut count = 0;
        loop {
            let filter = FactFilter { after_seq, ..FactFilter::default() };
            let facts = match engine.ledger().facts(&filter) {
                Ok(facts) => facts,
                Err(error) => return self.fail("S6", now, format!("facts: {error}")),
            };
            let Some(last) = facts.last() else { break };
            after_seq = last.seq;
            count += facts.len() as u64;
            for stored in &facts {
                if stored.seq > self.last_seq {
                    self.fact(stored.seq, &stored.fact, now);
                }
            }
        }
        // What the last life did of what it heard may stand in facts that are read only now.
        self.heard.forget();
        for model in self.models.values_mut() {
            model.told_held = model.noted_held;
        }
        if count != self.last_seq || after_seq != self.last_seq {
            let text = format!("{count} facts up to {after_seq} are left of {}", self.last_seq);
            self.fail("S9", now, text);
        }
        self.compare(engine, now);
    }

    fn compare(&mut self, engine: &Engine, now: Timestamp) {
        let mut wrong = Vec::new();
        for (id, model) in &self.models {
            let Some(tx) = engine.book().transactions.get(id) else {
                wrong.push(("S6", format!("transaction {id} is lost")));
                continue;
            };
            if tx.desired.version < model.version {
                let text = format!(
                    "{id}: version {} was acknowledged, the ledger has {}",
                    model.version, tx.desired.version
                );
                wrong.push(("S6", text));
            }
            if (tx.desired.stop, tx.desired.target) != (model.stop, model.target) {
                let text = format!(
                    "{id}: the ledger wants {:?}, its facts say {:?} and {:?}",
                    tx.desired, model.stop, model.target
                );
                wrong.push(("S9", text));
            }
            // A rung grows by what is bought where no other part is free.
            let is_rung = |(rung, told): (&Rung, &(Decimal, Price))| {
                rung.quantity.get() >= told.0 && rung.target == told.1
            };
            let is_same = tx.ladder.len() == model.ladder.len()
                && tx.ladder.iter().zip(&model.ladder).all(is_rung);
            if !is_same {
                let text =
                    format!("{id}: the ledger has {:?}, its facts {:?}", tx.ladder, model.ladder);
                wrong.push(("S9", text));
            }
            if tx.status.as_str() != model.status {
                let text =
                    format!("{id} is {}, its facts say {}", tx.status.as_str(), model.status);
                wrong.push(("S9", text));
            }
            for op in tx.ops.iter().filter(|op| !self.planned.contains_key(&op.id)) {
                wrong.push(("S9", format!("{id}: row {} has no fact", op.id)));
            }
        }
        for id in engine.book().transactions.keys().filter(|id| !self.models.contains_key(id)) {
            wrong.push(("S9", format!("transaction {id} has no fact")));
        }
        for (rule, text) in wrong {
            self.fail(rule, now, text);
        }
    }
}
