//! Carries commands to the broker: one call of a write export each.
//!
//! Every command gets exactly one answer. When the guest is gone and its write is still on the
//! way, the sender's thread gives that answer once the write has landed. When the host's own code
//! fails over a command, its outcome is unknown and the next command is carried out (I9, I13).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bracketd_core::broker::{BrokerEvent, Fault, OrderReport};
use bracketd_core::command::{Answer, Bracket, Call, Change, Command, How, Progress};
use bracketd_core::ids::{BrokerOrderId, OpId};
use bracketd_core::limits::ENTRY_AGE_MS_MAX;

use crate::actor::outcome::{self, Wire};
use crate::actor::reads::{self, Key};
use crate::bindings::bracketd::broker::types as abi;
use crate::convert::{self, Tie, fault_of, plain_fault};
use crate::effect::point;
use crate::failure::caught;
use crate::guest::{Mode, WriteSeen};
use crate::hook::spoken;
use crate::instance::{Budget, CallError, Instance};
use crate::lock::lock;
use crate::scheduler::{Turned, is_entry};
use crate::shared::Shared;
use crate::slot::{Slot, Turn, code};

/// Questions of a broker that are answered over one command.
const CONFIRMS_MAX: usize = 4;

/// What a write export answered.
enum Told {
    Adjusted(Result<abi::Adjusted, abi::Fault>),
    Placed(Result<abi::Placed, abi::Fault>),
}

/// Runs until the account ends.
pub(crate) fn run(mut slot: Slot, number: usize) {
    let shared = Arc::clone(&slot.shared);
    // Connected ahead of the first command; a failure is told with the commands it fails.
    let stay_connected = |slot: &mut Slot| {
        if number == 0 || slot.shared.running.is_concurrent() {
            drop(slot.ensure());
        }
    };
    stay_connected(&mut slot);
    while let Some(Turned { command, waited_ms }) = shared.scheduler.take(number) {
        let transaction = command.transaction;
        let owed = Owed::new(&shared, &command);
        let Some(waited_ms) = waited_ms else {
            let fault = plain_fault("TAKEN_BACK", "it was taken back before it was sent");
            owed.answer(Answer::NotSent { fault, after_ms: 1 });
            continue;
        };
        // Its instance would be held while a further read waited: those are charged afterwards.
        slot.begin(Turn::Had, 1);
        match too_old(&command, waited_ms) {
            Some(too_late) => owed.answer(too_late),
            None => {
                if let Err(text) = caught(|| carry_out(&mut slot, &command, &owed)) {
                    owed.answer(Answer::Unknown(slot.panicked(&text)));
                }
            }
        }
        slot.begin(Turn::Had, 0);
        shared.scheduler.done(transaction);
        stay_connected(&mut slot);
    }
}

/// An entry that waited longer than an entry may is not sent: its price was for another moment.
/// The core drops its row as stale.
fn too_old(command: &Command, waited_ms: u64) -> Option<Answer> {
    (is_entry(command) && waited_ms > ENTRY_AGE_MS_MAX).then(|| {
        let text = format!("the entry waited {waited_ms} ms for the message budget");
        Answer::NotSent { fault: plain_fault("WAITED_TOO_LONG", text), after_ms: 1 }
    })
}

/// The one answer that a command is still owed, by whichever thread comes to know it.
struct Owed {
    shared: Arc<Shared>,
    op: OpId,
    given: AtomicBool,
}

impl Owed {
    fn new(shared: &Arc<Shared>, command: &Command) -> Arc<Self> {
        let (shared, op) = (Arc::clone(shared), command.op.clone());
        Arc::new(Self { shared, op, given: AtomicBool::new(false) })
    }

    /// Gives it, unless it was given. It counts as given once it was told: a thread that fails on
    /// the way leaves it to the one that comes after.
    fn answer(&self, answer: Answer) {
        if self.given.load(Ordering::Acquire) {
            return;
        }
        point("answer.telling");
        self.shared.tell(BrokerEvent::Answer { op: self.op.clone(), answer });
        if !self.given.swap(true, Ordering::AcqRel) {
            self.shared.ended();
        }
        point("answer.told");
    }
}

fn carry_out(slot: &mut Slot, command: &Command, owed: &Arc<Owed>) {
    point("write.taken");
    if let Err(not_ready) = slot.ensure() {
        let after_ms = u64::try_from(not_ready.after.as_millis()).unwrap_or(u64::MAX).max(1);
        return owed.answer(Answer::NotSent { fault: not_ready.fault, after_ms });
    }
    let bracket = match &command.call {
        Call::Adjust { bracket, .. } => match told_bracket(slot, bracket) {
            Ok(told) => Some(told),
            Err(fault) => {
                let after_ms = 500;
                return owed.answer(Answer::NotSent { fault, after_ms });
            }
        },
        Call::Submit(_) | Call::Cancel { .. } => None,
    };
    let (mut told, mut write) = call(slot, command, bracket);
    for _ in 0..CONFIRMS_MAX {
        let Some(question) = to_confirm(&slot.shared, &told) else { break };
        (told, write) = confirm(slot, command, &question);
    }
    slot.note_limit(match &told {
        Ok(Told::Adjusted(Err(fault)) | Told::Placed(Err(fault))) => Some(fault),
        Ok(Told::Adjusted(Ok(_)) | Told::Placed(Ok(_))) | Err(_) => None,
    });
    match told {
        Ok(Told::Adjusted(Ok(adjusted))) => adjusted_well(slot, command, owed, &adjusted),
        Ok(Told::Placed(Ok(placed))) => placed_well(slot, command, owed, &placed),
        Ok(Told::Adjusted(Err(fault)) | Told::Placed(Err(fault))) => {
            if let Some(wire) = wire_or_later(owed, write, || fault_of(&fault)) {
                owed.answer(outcome::of_fault(&fault, &wire));
            }
        }
        Err(error) => {
            let fault = || plain_fault(code(&error), error.to_string());
            if let Some(wire) = wire_or_later(owed, write, fault) {
                owed.answer(outcome::of_error(&error, &wire));
            }
        }
    }
}

fn call(
    slot: &mut Slot,
    command: &Command,
    bracket: Option<abi::Bracket>,
) -> (Result<Told, CallError>, Option<WriteSeen>) {
    let budget_ms = write_budget_ms(slot);
    let (op, client_id) = (command.op.as_str(), command.client_id.as_str());
    let context = Instance::context(slot.generation(), op, client_id, command.attempt, budget_ms);
    let export = export_of(&command.call);
    let budget = Budget { export, mode: Mode::Write, total_ms: budget_ms };
    let (told, write) = slot.call(budget, |guest, store| {
        Ok(match (&command.call, bracket) {
            (Call::Submit(order), _) => {
                let order = convert::new_order(order);
                Told::Placed(guest.call_submit_order(store, &context, &order)?)
            }
            (Call::Cancel { order }, _) => {
                Told::Placed(guest.call_cancel_order(store, &context, order.as_str())?)
            }
            (Call::Adjust { stop, target, .. }, Some(bracket)) => {
                let (tp, sl) = (convert::tell_target(*target), convert::tell_target(*stop));
                Told::Adjusted(match (target, stop) {
                    (Change::Keep, _) => guest.call_adjust_sl(store, &context, &bracket, sl)?,
                    (_, Change::Keep) => guest.call_adjust_tp(store, &context, &bracket, tp)?,
                    _ => guest.call_adjust_tp_sl(store, &context, &bracket, tp, sl)?,
                })
            }
            (Call::Adjust { .. }, None) => {
                let message = "an adjustment without its bracket".to_owned();
                Told::Adjusted(Err(abi::Fault::NotSupported(message)))
            }
        })
    });
    slot.spoke(
        export,
        match &told {
            Ok(Told::Adjusted(told)) => spoken(Ok(told)),
            Ok(Told::Placed(told)) => spoken(Ok(told)),
            Err(error) => spoken::<()>(Err(error)),
        },
    );
    (told, write)
}

/// The export that carries a command.
fn export_of(call: &Call) -> &'static str {
    match call {
        Call::Submit(_) => "submit-order",
        Call::Cancel { .. } => "cancel-order",
        Call::Adjust { target: Change::Keep, .. } => "adjust-sl",
        Call::Adjust { stop: Change::Keep, .. } => "adjust-tp",
        Call::Adjust { .. } => "adjust-tp-sl",
    }
}

/// The question that the broker asks first, where the operator has decided that it is answered with
/// yes. Any other ends as the broker's no.
fn to_confirm(shared: &Shared, told: &Result<Told, CallError>) -> Option<String> {
    let progress = match told {
        Ok(Told::Adjusted(Ok(adjusted))) => &adjusted.progress,
        Ok(Told::Placed(Ok(placed))) => &placed.progress,
        Ok(Told::Adjusted(Err(_)) | Told::Placed(Err(_))) | Err(_) => return None,
    };
    let (id, code) = convert::challenge(progress)?;
    let is_known = shared.confirm.iter().any(|known| known.eq_ignore_ascii_case(&code));
    is_known.then(|| id.to_owned())
}

/// What a write may take altogether: a single instance must not be held for long.
fn write_budget_ms(slot: &Slot) -> u32 {
    let limits = &slot.shared.limits;
    match slot.shared.running.is_concurrent() {
        true => limits.write_budget_ms,
        false => limits.single_write_budget_ms,
    }
}

/// Answers it with yes: a call with a write of its own, under the command's ids.
fn confirm(
    slot: &mut Slot,
    command: &Command,
    question: &str,
) -> (Result<Told, CallError>, Option<WriteSeen>) {
    let budget_ms = write_budget_ms(slot);
    let (op, client_id) = (command.op.as_str(), command.client_id.as_str());
    let context = Instance::context(slot.generation(), op, client_id, command.attempt, budget_ms);
    let budget = Budget { export: "confirm", mode: Mode::Write, total_ms: budget_ms };
    slot.call(budget, |guest, store| {
        Ok(match (guest.call_confirm(store, &context, question, true)?, &command.call) {
            (Ok(abi::Answered::Bracket(adjusted)), Call::Adjust { .. }) => {
                Told::Adjusted(Ok(adjusted))
            }
            (Ok(abi::Answered::Bracket(_)), Call::Submit(_) | Call::Cancel { .. }) => {
                Told::Placed(Err(other_answer()))
            }
            (Ok(abi::Answered::Order(_)), Call::Adjust { .. }) => {
                Told::Adjusted(Err(other_answer()))
            }
            (Ok(abi::Answered::Order(placed)), Call::Submit(_) | Call::Cancel { .. }) => {
                Told::Placed(Ok(placed))
            }
            (Err(fault), Call::Adjust { .. }) => Told::Adjusted(Err(fault)),
            (Err(fault), Call::Submit(_) | Call::Cancel { .. }) => Told::Placed(Err(fault)),
        })
    })
}

/// A bracket where an order was asked about, or the other way round.
fn other_answer() -> abi::Fault {
    let detail = abi::Detail {
        code: "PLUGIN_LIED".to_owned(),
        message: "`confirm` answered for something else".to_owned(),
        http_status: None,
        broker_code: None,
        legs_now: None,
        blocking: Vec::new(),
        ext: Vec::new(),
    };
    abi::Fault::UnknownOutcome(abi::Doubt { detail, lookup: Vec::new() })
}

/// What the host knows of the write; while it is on the way the answer is left to its sender.
fn wire_or_later(
    owed: &Arc<Owed>,
    write: Option<WriteSeen>,
    fault: impl FnOnce() -> Fault,
) -> Option<Wire> {
    match write {
        None => Some(Wire::Nothing),
        Some(WriteSeen::NotSent) => Some(Wire::NotSent),
        Some(WriteSeen::Handed(flight)) => {
            let (owed, fault) = (Arc::clone(owed), fault());
            let landed =
                flight.landed_or(move |landed| owed.answer(outcome::of_late(fault, &landed)));
            landed.map(|landed| Wire::of(&landed))
        }
    }
}

fn adjusted_well(slot: &Slot, command: &Command, owed: &Owed, told: &abi::Adjusted) {
    let (answered, ties) = match convert::adjusted(told) {
        Ok(good) => good,
        Err(lie) => return lied(owed, &lie),
    };
    let Answer::Adjusted { legs, how, progress, .. } = &answered else { return };
    if let Call::Adjust { bracket, .. } = &command.call
        && matches!(how, How::NewLeg | How::ReplacedInPlace)
    {
        let known = |id: &BrokerOrderId| bracket.legs.iter().any(|leg| leg.broker_id == *id);
        let mut fresh = legs.iter().filter(|leg| !known(&leg.broker_id)).peekable();
        // The broker names the second leg of a pair itself; the first one carries our id.
        let ours = |leg: &bracketd_core::command::BracketLeg| {
            leg.client_id.as_ref().is_none_or(|id| *id == command.client_id)
        };
        if fresh.peek().is_some() && !fresh.any(ours) {
            let lie = convert::Lie::new("leg.client-id", "none of them the one given");
            return lied(owed, &lie);
        }
    }
    for leg in legs {
        slot.shared.expect_order(&leg.broker_id, command.urgency);
    }
    expect_progress(slot, command, progress);
    slot.shared.note_ties(ties);
    owed.answer(answered);
    slot.shared.poll_soon();
}

fn placed_well(slot: &Slot, command: &Command, owed: &Owed, told: &abi::Placed) {
    let asked = match &command.call {
        Call::Submit(order) => Some((&command.client_id, &order.symbol)),
        Call::Adjust { .. } | Call::Cancel { .. } => None,
    };
    let (answered, reports, ties) = match convert::placed(told, asked) {
        Ok(good) => good,
        Err(lie) => return lied(owed, &lie),
    };
    if let Answer::Placed { progress, .. } = &answered {
        expect_progress(slot, command, progress);
    }
    slot.shared.note_ties(ties);
    for report in &reports {
        slot.shared.expect_order(&report.broker_id, command.urgency);
    }
    let children: Vec<OrderReport> = reports.into_iter().skip(1).collect();
    if !children.is_empty() {
        slot.shared.tell(BrokerEvent::Polled { orders: children, fills: Vec::new() });
    }
    owed.answer(answered);
    slot.shared.poll_soon();
}

fn lied(owed: &Owed, lie: &convert::Lie) {
    owed.shared.note_lie(lie);
    owed.answer(outcome::of_lie(lie.to_string()));
}

fn expect_progress(slot: &Slot, command: &Command, progress: &Progress) {
    if let Progress::WaitingFor(id) = progress {
        slot.shared.expect_order(id, command.urgency);
    }
}

/// The bracket in the ABI's words: with its instrument, and each leg with its tie. What is not
/// known yet is read.
pub(crate) fn told_bracket(slot: &mut Slot, bracket: &Bracket) -> Result<abi::Bracket, Fault> {
    let known = lock(&slot.shared.instruments).get(&bracket.symbol).cloned();
    let instrument = match known {
        Some(instrument) => instrument,
        None => {
            reads::instrument(slot, &bracket.symbol)?;
            let missing = || plain_fault("NO_INSTRUMENT", bracket.symbol.as_str());
            let read = lock(&slot.shared.instruments).get(&bracket.symbol).cloned();
            read.ok_or_else(missing)?
        }
    };
    for leg in &bracket.legs {
        let known = lock(&slot.shared.ties).get(&leg.broker_id).is_some();
        if !known {
            // Its ties come with the order; one that the broker does not know has none.
            reads::order(slot, Key::Broker(&leg.broker_id))?;
        }
    }
    let ties = lock(&slot.shared.ties);
    let alone = || Tie { group: None, link: abi::Link::Alone };
    Ok(convert::bracket(bracket, instrument, |leg| {
        ties.get(&leg.broker_id).cloned().unwrap_or_else(alone)
    }))
}
