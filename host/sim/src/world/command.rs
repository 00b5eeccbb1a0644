//! The way of a command to its broker and of its answer back, and what befalls them on it.
//!
//! Apart because the fate of a command is drawn here and nowhere else. The broker's own book says
//! what an answer is; here it is only lost, late, doubled or turned round.

use bracketd_core::broker::{BrokerEvent, Fault as Word};
use bracketd_core::command::{Answer, Command};
use bracketd_core::order::Role;

use super::{Effect, What, World};
use crate::coverage::State;
use crate::fault::Fault;

/// Within this a write is waited for, whatever look-ups say.
const SETTLE_MS: u64 = 5_000;

impl World<'_> {
    /// A command leaves, and its fate is drawn.
    pub(super) fn send(&mut self, no: usize, command: Command) {
        let (state, transaction) = (State::of_command(&command), command.transaction);
        let there = self.about(self.pace.way_ms);
        let timeout = self.pace.timeout_ms.max(there + 1);
        let (op, life) = (command.op.clone(), self.daemon.life);
        let mut over_after = timeout;
        let fate = self.fate(no, &command);
        self.trace.note(self.now, "send", || {
            format!("{} {} as {:?}: {}", command.transaction, command.op, fate, words(&command))
        });
        if let Some(fault) = fate {
            self.coverage.saw(fault, state);
            self.oracle.saw(fault, self.now);
        }
        let unheard = |word| BrokerEvent::Answer { op: op.clone(), answer: Self::unknown(word) };
        let arrives = |effect| What::Arrive(no, Box::new(command.clone()), effect, life);
        match fate {
            Some(Fault::Lost) => self.tell(no, timeout, unheard("no answer")),
            Some(Fault::Unheard) => {
                self.after(there, arrives(Effect::Silent));
                self.tell(no, timeout, unheard("no answer"));
            }
            Some(Fault::Late) => {
                let late = self.lateness(no);
                if timeout + late + 500 > SETTLE_MS {
                    self.oracle.comes_very_late(&command.op);
                }
                self.after(timeout + late, arrives(Effect::Silent));
                self.tell(no, timeout, unheard("no answer"));
            }
            Some(Fault::Trap) => {
                over_after = there;
                match self.faults.below(Fault::Trap, 3) {
                    0 => {
                        let fault = Word::new("TRAP", "the plugin died before it wrote");
                        let answer = Answer::NotSent { fault, after_ms: 500 };
                        self.tell(no, there, BrokerEvent::Answer { op, answer });
                    }
                    1 => self.tell(no, there, unheard("the plugin died, nothing arrived")),
                    _ => {
                        self.after(there, arrives(Effect::Silent));
                        self.tell(no, there + 1, unheard("the plugin died, it arrived"));
                    }
                }
            }
            Some(Fault::Refused) => {
                over_after = there * 2;
                let fault = Word::new("RATE_LIMITED", "later");
                let after_ms = 200 + self.faults.below(Fault::Refused, 3_000);
                if self.faults.below(Fault::Refused, 2) == 0 {
                    let now = self.now;
                    let account = &mut self.accounts[no];
                    account.pace.limited(now, Some(after_ms));
                    self.trace.note(now, "limited", || format!("account{no} for {after_ms} ms"));
                    account.paused_until = account.paused_until.max(now.plus_ms(after_ms));
                    self.oracle.limited(no, account.paused_until);
                }
                let answer = Answer::NotSent { fault, after_ms };
                self.tell(no, over_after, BrokerEvent::Answer { op, answer });
            }
            Some(Fault::ErrorButDone) => self.after(there, arrives(Effect::Denied)),
            Some(Fault::Duplicated) => self.after(there, arrives(Effect::Twice)),
            _ => {
                over_after = there * 2;
                self.after(there, arrives(Effect::Answered));
            }
        }
        debug_assert_eq!(life, self.daemon.life, "nobody dies while a command leaves");
        self.after(over_after, What::Free(no, transaction));
    }

    fn fate(&mut self, no: usize, command: &Command) -> Option<Fault> {
        let state = State::of_command(command);
        if !self.accounts[no].is_up {
            return Some(Fault::Refused);
        }
        // A broker that takes a new order says so; its lies are about changes (trade-api-python 306).
        let lies = matches!(state, State::Freeing | State::Canceling) || is_patch(command);
        let fates = [
            Fault::Lost,
            Fault::Unheard,
            Fault::Late,
            Fault::Trap,
            Fault::Refused,
            Fault::ErrorButDone,
            Fault::Duplicated,
        ];
        let strikes =
            |fault: &Fault| (*fault != Fault::ErrorButDone || lies) && self.faults.strikes(*fault);
        fates.into_iter().find(strikes)
    }

    /// How long after its timeout a late command arrives. Where the broker refuses a client id
    /// that it knows, it may be any time; elsewhere no protocol could tell.
    fn lateness(&mut self, no: usize) -> u64 {
        let unique = self.accounts[no].broker.caps.unique_ids;
        let long = unique && self.faults.below(Fault::Late, 4) == 0;
        self.faults.below(Fault::Late, if long { 20_000 } else { 1_800 })
    }

    /// A command is at the broker.
    pub(super) fn arrive(&mut self, no: usize, command: &Command, effect: Effect, life: u32) {
        self.sync(no);
        let slow = self.faults.strikes(Fault::SlowCancel);
        let stuck = self.faults.strikes(Fault::StuckCancel);
        let state = State::of_command(command);
        let cancel_ms = match (stuck, slow) {
            (true, _) => 20_000 + self.faults.below(Fault::StuckCancel, 40_000),
            (_, true) => 50 + self.faults.below(Fault::SlowCancel, 3_000),
            _ => 0,
        };
        self.accounts[no].broker.cancel_ms = cancel_ms;
        let answer = self.accounts[no].broker.call(command);
        self.after_cancel(no, stuck, slow, state);
        self.trace.note(self.now, "arrive", || format!("{} {}", command.op, brief(&answer)));
        self.broker_changed(no);
        let way = self.about(self.pace.way_ms);
        if life != self.daemon.life || self.daemon.engine.is_none() {
            // Nobody holds the connection any more that an answer could come by.
            return;
        }
        let op = command.op.clone();
        let told = |answer| BrokerEvent::Answer { op: op.clone(), answer };
        match effect {
            Effect::Silent => {}
            Effect::Answered => self.tell(no, way, told(answer)),
            Effect::Denied => {
                let fault = Word::new("REJECTED", "the broker says no, and did it");
                self.tell(no, way, told(Answer::Rejected(fault)));
            }
            Effect::Twice => {
                self.tell(no, way, told(answer.clone()));
                let later = self.about(2_000);
                self.tell(no, way + later, told(answer));
            }
        }
    }

    fn after_cancel(&mut self, no: usize, stuck: bool, slow: bool, state: State) {
        let Some(at) = self.accounts[no].broker.next_cancel() else { return };
        if stuck || slow {
            let fault = if stuck { Fault::StuckCancel } else { Fault::SlowCancel };
            if matches!(state, State::Freeing | State::Canceling | State::Moving) {
                self.coverage.saw(fault, state);
                self.oracle.saw(fault, self.now);
            }
        }
        self.at(at, What::Cancels(no));
    }

    pub(super) fn settle_cancels(&mut self, no: usize) {
        self.sync(no);
        self.accounts[no].broker.settle_cancels();
        self.broker_changed(no);
    }

    pub(super) fn free_cancels(&mut self, no: usize) {
        self.sync(no);
        self.accounts[no].broker.free_cancels();
        self.broker_changed(no);
    }
}

/// Whether an adjustment only changes what rests.
fn is_patch(command: &Command) -> bool {
    use bracketd_core::command::{Call, Change};
    let Call::Adjust { bracket, stop, target } = &command.call else { return false };
    let rests = |role| bracket.legs.iter().any(|leg| leg.role == role);
    let fits = |change: &Change, role| !matches!(change, Change::Set(_)) || rests(role);
    !bracket.legs.is_empty() && fits(stop, Role::Stop) && fits(target, Role::Target)
}

/// A command in a few words.
fn words(command: &Command) -> String {
    use bracketd_core::command::Call;
    match &command.call {
        Call::Submit(o) => {
            let limit = o.limit.map_or("market".to_owned(), |p| p.to_string());
            let carries = (o.stop_loss, o.take_profit);
            format!("{:?} {} {} @ {limit} carries {carries:?}", o.side, o.quantity, o.symbol)
        }
        Call::Cancel { order } => format!("cancel {order}"),
        Call::Adjust { bracket, stop, target } => {
            format!("adjust {} x{} stop {stop:?} target {target:?}", bracket.id, bracket.protect)
        }
    }
}

fn brief(answer: &Answer) -> String {
    match answer {
        Answer::Adjusted { legs, how, progress, .. } => {
            format!("{how:?} {progress:?}, {} legs", legs.len())
        }
        Answer::Placed { order, progress } => {
            let id = order.as_ref().map(|order| order.broker_id.to_string());
            format!("placed {} {progress:?}", id.unwrap_or_default())
        }
        Answer::Rejected(fault) => format!("rejected {}: {}", fault.code, fault.message),
        Answer::NotSent { fault, .. } => format!("not sent {}", fault.code),
        Answer::Unknown(fault) => format!("unknown {}", fault.code),
    }
}
