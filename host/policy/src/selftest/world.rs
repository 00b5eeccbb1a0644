//! A small world with one transaction and one market, for tests of policies.
//!
//! Apart because it plays engine and broker: what a run asks for is checked again and then simply
//! happens. It has its own clock; nothing in it waits.

use std::sync::Arc;

use bracketd_core::Decimal;
use bracketd_core::book::Account;
use bracketd_core::broker::{Bar, Quote};
use bracketd_core::check::{Context, check, is_tighter, propose};
use bracketd_core::ids::SliceNo;
use bracketd_core::instrument::Instrument;
use bracketd_core::intent::{Intent, Request};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, Leg};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::{Slice, Transaction, TransactionStatus};

use crate::bars::History;
use crate::event::{Event, EventKind, FillInfo};
use crate::params::Params;
use crate::policy::Policy;
use crate::run::{Ran, Run, RunOutcome, Unbounded};
use crate::verbs::Verbs;

use super::fixture::START;
use super::mark::Marks;
use super::trace::{self, TestStep};

/// Length of the world's bars.
pub(super) const BAR_MS: u64 = 60_000;
/// The stop fills before the target.
const LEGS: [Leg; 2] = [Leg::Stop, Leg::Target];

/// Everything a test sees and moves.
pub(super) struct World {
    pub(super) policy: Arc<Policy>,
    /// The way back from the marked text to the one that was written.
    pub(super) marks: Option<Arc<Marks>>,
    pub(super) tx: Transaction,
    pub(super) account: Account,
    pub(super) instrument: Arc<Instrument>,
    pub(super) params: Params,
    pub(super) allowed: Verbs,
    pub(super) spread: Decimal,
    pub(super) now: Timestamp,
    pub(super) quote: Option<Quote>,
    pub(super) bars: Vec<Bar>,
    pub(super) peak: Option<Price>,
    pub(super) trough: Option<Price>,
    pub(super) state: String,
    /// Of the last run.
    pub(super) skipped: Option<String>,
    /// Codes of the last run's refusals.
    pub(super) refused: Vec<String>,
    /// Verbs that were accepted, of all runs.
    pub(super) accepted: Vec<&'static str>,
    /// Texts of all runs.
    pub(super) alerts: Vec<String>,
    /// Operations of the longest run.
    pub(super) operations: u64,
    /// The account's equity; none where a policy is not given the book.
    pub(super) equity: Option<Decimal>,
}

impl World {
    /// Lets the policy handle an event, then does what it asked for.
    pub(super) fn happen(&mut self, event: Event<'_>) -> Result<(), String> {
        let policy = Arc::clone(&self.policy);
        let book = self.equity.map(|equity| self.book(equity));
        let ran = policy.run(&Run {
            event,
            transaction: Arc::new(self.tx.clone()),
            account: &self.account,
            instrument: Arc::clone(&self.instrument),
            quote: self.quote.clone(),
            history: History {
                seconds: (BAR_MS / 1_000) as u32,
                bars: (&self.bars, &[]),
                peak: self.peak,
                trough: self.trough,
            },
            params: &self.params,
            state: &self.state,
            now: self.now,
            allowed: &self.allowed,
            budget: &Unbounded,
            portfolio: book.as_ref(),
        });
        let with = self.with(&event);
        self.ended(event.kind(), with, ran)
    }

    /// Notes how a run ended, and does what it asked for.
    pub(super) fn ended(&mut self, kind: EventKind, with: String, ran: Ran) -> Result<(), String> {
        self.operations = self.operations.max(ran.operations);
        let alerts: Vec<String> =
            ran.alerts.into_iter().map(|(level, text)| format!("{level}: {text}")).collect();
        self.skipped = None;
        let ended = match ran.outcome {
            RunOutcome::Done => Ok("done".to_owned()),
            RunOutcome::Skipped(what) => {
                self.skipped = Some(what.clone());
                Ok(format!("skipped: {what}"))
            }
            RunOutcome::Failed(mut failure) => {
                if let Some(marks) = &self.marks {
                    (failure.line, failure.column) =
                        marks.original(&failure.file, failure.line, failure.column);
                }
                Err(failure.to_string())
            }
        };
        if self.policy.handles(kind) {
            trace::stepped(|calls| TestStep {
                at_ms: self.now.ms_since(START),
                event: kind.handler().to_owned(),
                with,
                outcome: match &ended {
                    Ok(words) => words.clone(),
                    Err(words) => format!("failed: {words}"),
                },
                calls,
                alerts: alerts.clone(),
            });
        }
        ended?;
        self.refused = ran.refused.iter().map(|(_, v)| v.code().to_owned()).collect();
        self.alerts.extend(alerts);
        if let Some(state) = ran.state {
            self.state = state;
        }
        for request in ran.requests {
            self.commit(&request)?;
        }
        Ok(())
    }

    /// A price arrives: an exit that it touches fills, else the policy is asked.
    pub(super) fn priced(&mut self, bid: Price, ask: Price) -> Result<(), String> {
        self.now = self.now.plus_ms(1_000);
        self.known(bid, ask);
        match self.tx.status {
            TransactionStatus::Waiting => self.happen(Event::Waiting),
            TransactionStatus::Opened => {
                let exit = if self.tx.direction == Direction::Long { bid } else { ask };
                self.peak = self.peak.max(Some(exit));
                self.trough = Some(self.trough.map_or(exit, |trough| trough.min(exit)));
                if let Some((leg, _)) = self.touched(exit) {
                    return self.close(exit, leg.as_str(), Some(leg));
                }
                self.climbed(exit)?;
                if self.tx.status != TransactionStatus::Opened {
                    return Ok(());
                }
                if self.is_held_too_long() {
                    return self.close(exit, "time_limit", None);
                }
                self.trailed(exit);
                self.happen(Event::Tick)
            }
            _ => Ok(()),
        }
    }

    /// Whether the host closes it by itself now.
    fn is_held_too_long(&self) -> bool {
        let limit = self.tx.standing.time_limit.as_ref();
        let ends_at = limit.and_then(|limit| Some(self.tx.opened_at?.plus_ms(limit.hold_ms)));
        ends_at.is_some_and(|at| at <= self.now)
    }

    /// The host moves a stop that it trails.
    fn trailed(&mut self, exit: Price) {
        let direction = self.tx.direction;
        let Some(trail) = &mut self.tx.standing.trail else { return };
        let best = trail.better(direction, exit);
        trail.best = Some(best);
        let stop = trail.stop_at(best, direction, &self.instrument);
        let is_move = |to: &Price| trail.is_worth_it(direction, self.tx.desired.stop, *to);
        if let Some(stop) = stop.filter(is_move) {
            self.tx.desired.stop = Some(stop);
            self.tx.desired.version += 1;
        }
    }

    /// A price is known, and nobody is asked about it.
    pub(super) fn known_price(&mut self, price: Price) {
        self.known(price, price);
    }

    fn known(&mut self, bid: Price, ask: Price) {
        let symbol = self.tx.symbol.clone();
        let quote = Quote {
            symbol: symbol.clone(),
            bid: Some(bid),
            ask: Some(ask),
            last: None,
            at: self.now,
        };
        self.account.quotes.insert(symbol, quote.clone());
        self.quote = Some(quote);
    }

    /// The price is gone, and the policy is asked all the same.
    pub(super) fn unpriced(&mut self) -> Result<(), String> {
        self.quote = None;
        match self.tx.status {
            TransactionStatus::Waiting => self.happen(Event::Waiting),
            TransactionStatus::Opened => self.happen(Event::Tick),
            _ => Ok(()),
        }
    }

    /// Whether the transaction has not ended.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.tx.status, TransactionStatus::Waiting | TransactionStatus::Opened)
    }

    /// The entry fills: all that is left of it, or so much.
    pub(super) fn filled(
        &mut self,
        price: Price,
        quantity: Option<Quantity>,
    ) -> Result<(), String> {
        let left = self.tx.entry.quantity.minus(self.tx.entered);
        let quantity = quantity.unwrap_or(left);
        let is_first = self.tx.status == TransactionStatus::Waiting;
        if self.tx.entry.ended || !(is_first || self.tx.status == TransactionStatus::Opened) {
            return Err(format!("the entry cannot fill: it is {}", self.tx.status.as_str()));
        }
        if quantity.is_zero() || quantity > left {
            return Err(format!("{quantity} cannot fill: {left} of the entry is left"));
        }
        if is_first {
            hold(&mut self.tx, price, quantity, self.now);
            (self.peak, self.trough) = (Some(price), Some(price));
        } else {
            self.tx.entered = self.tx.entered.plus(quantity);
            self.tx.entered_value += price.get() * quantity.get();
            if let Some(slice) = self.tx.slices.first_mut() {
                slice.held = slice.held.plus(quantity);
            }
        }
        self.tx.entry.ended = quantity == left;
        self.happen(Event::Fill(FillInfo { price, quantity, at: self.now, leg: None }))?;
        if is_first { self.happen(Event::Open) } else { Ok(()) }
    }

    fn touched(&self, exit: Price) -> Option<(Leg, Price)> {
        let reached = |price: Price, leg: Leg| match leg {
            Leg::Stop => !is_tighter(self.tx.direction, exit, price),
            Leg::Target => !is_tighter(self.tx.direction, price, exit),
        };
        // Of a ladder each part has a target of its own.
        let legs = if self.tx.ladder.is_empty() { &LEGS[..] } else { &LEGS[..1] };
        legs.iter().copied().find_map(|leg| {
            let price = self.tx.desired.leg(leg)?;
            reached(price, leg).then_some((leg, price))
        })
    }

    fn commit(&mut self, request: &Request) -> Result<(), String> {
        let context = Context {
            account: &self.account,
            instrument: Some(&self.instrument),
            quote: self.quote.as_ref(),
            now: self.now,
            book: None,
        };
        let verb = request.intent.verb();
        if !matches!(request.intent, Intent::Open(_)) {
            let verdict = check(&self.tx, &context, request);
            if !verdict.accepted() {
                let (code, message) = (verdict.code(), &verdict.message);
                return Err(format!(
                    "{verb} passed the run and was refused after: {code} {message}"
                ));
            }
            propose(&mut self.tx, request, self.instrument.qty_step);
        }
        self.accepted.push(verb);
        match &request.intent {
            Intent::Close { .. } => {
                let exit = self.quote.as_ref().and_then(|q| q.exit_price(self.tx.direction));
                let price =
                    exit.or(self.tx.entry_price()).ok_or("there is no price to close at")?;
                self.close(price, "close", None)
            }
            Intent::Resize { quantity, .. } => {
                self.resized(*quantity);
                Ok(())
            }
            Intent::CancelEntry { .. } if self.tx.status == TransactionStatus::Waiting => {
                self.tx.entry.ended = true;
                self.tx.status = TransactionStatus::Closed;
                self.tx.close_reason = Some("canceled".to_owned());
                self.happen(Event::Close)
            }
            _ => Ok(()),
        }
    }

    fn resized(&mut self, to: Quantity) {
        let gone = self.tx.held().minus(to);
        let exit = self.quote.as_ref().and_then(|q| q.exit_price(self.tx.direction));
        let price = exit.map_or(Decimal::ZERO, Price::get);
        self.tx.exited = self.tx.exited.plus(gone);
        self.tx.exited_value += price * gone.get();
        self.tx.task = None;
        super::ladder::reduced(&mut self.tx, to);
        if let Some(slice) = self.tx.slices.first_mut() {
            slice.held = to;
        }
    }

    pub(super) fn close(
        &mut self,
        price: Price,
        reason: &str,
        leg: Option<Leg>,
    ) -> Result<(), String> {
        let quantity = self.tx.held();
        self.tx.exited = self.tx.exited.plus(quantity);
        self.tx.exited_value += price.get() * quantity.get();
        self.tx.slices.clear();
        self.tx.task = None;
        self.tx.status = TransactionStatus::Closed;
        self.tx.closed_at = Some(self.now);
        self.tx.close_reason = Some(reason.to_owned());
        self.happen(Event::ExitFill(FillInfo { price, quantity, at: self.now, leg }))?;
        self.happen(Event::Close)
    }

    /// Adds a complete bar; the clock goes to its end.
    pub(super) fn bar(&mut self, bar: [Price; 4]) -> Result<(), String> {
        let [open, high, low, close] = bar;
        let span_us = (BAR_MS * 1_000) as i64;
        let at = Timestamp(self.now.0 - self.now.0.rem_euclid(span_us));
        let at = self.bars.last().map_or(at, |last| at.max(last.at.plus_ms(BAR_MS)));
        let bar = Bar { at, open, high, low, close };
        self.bars.push(bar);
        self.now = self.now.max(at.plus_ms(BAR_MS));
        if self.policy.handles(EventKind::Bar) && self.is_live() {
            self.happen(Event::Bar(bar))
        } else {
            Ok(())
        }
    }
}

/// Puts the quantity into the transaction as one slice.
pub(crate) fn hold(tx: &mut Transaction, price: Price, quantity: Quantity, now: Timestamp) {
    tx.status = TransactionStatus::Opened;
    tx.entry.ended = true;
    tx.opened_at = Some(now);
    tx.entered = quantity;
    tx.entered_value = price.get() * quantity.get();
    tx.initial_stop = tx.desired.stop;
    tx.slices = vec![Slice {
        no: SliceNo(0),
        held: quantity,
        gather_until: now,
        retry_at: None,
        rejections: 0,
        rejected_version: None,
        breached: false,
        memo: Vec::new(),
    }];
}
