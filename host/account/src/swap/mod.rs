//! Another plugin takes an account over while trading goes on.
//!
//! Apart because the order of the steps is a promise: connected and compared in the shadow, where
//! nothing may be written; then only while nothing of the account lacks its stop the gate is shut,
//! what is on its way ends, the generation is raised, and the gate opens. No command is lost: what
//! comes meanwhile waits behind the gate. None is doubled: after the raise nothing of the older
//! generation may write. Whatever goes wrong before the raise, the old plugin goes on.

mod desk;
mod running;
mod shadow;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use bracketd_core::broker::BrokerEvent;

use crate::config::Drive;
use crate::host::Host;
use crate::scheduler::Drained;
use crate::shared::Shared;

pub(crate) use desk::SwapOrder;
pub use desk::{PluginId, SwapRefused, SwapReport, SwapStage, SwapState, Terms};
pub(crate) use desk::{SwapDesk, Wanted};
pub(crate) use running::Running;
pub(crate) use shadow::Candidate;

/// Longest time the gate is shut (the design's limit): past it the old plugin goes on.
const GATE_MAX: Duration = Duration::from_millis(500);
/// After so long a write that is still unanswered is left to its sender.
const DETACH_AFTER: Duration = Duration::from_millis(300);
/// How long a candidate waits for a moment at which everything is protected.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the thread looks whether the account ends.
const LOOK: Duration = Duration::from_millis(100);

/// Runs the swaps of an account, one after the other, until the account ends.
pub(crate) fn run(shared: &Arc<Shared>, host: &Host, drive: Drive, orders: &Receiver<SwapOrder>) {
    while !shared.stopping() {
        let order = match orders.recv_timeout(LOOK) {
            Ok(order) => order,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let outcome = swap(shared, host, drive, &order);
        if let Err(why) = &outcome {
            let text = format!("plugin {} was not taken: {why}", order.id());
            shared.warn(&text);
            shared.tell(BrokerEvent::SwapRefused { text });
        }
        shared.swap.ended(&order, outcome);
    }
}

fn swap(
    shared: &Arc<Shared>,
    host: &Host,
    drive: Drive,
    order: &SwapOrder,
) -> Result<(u64, Duration), String> {
    let plugin = match &order.wanted {
        Wanted::Plugin(plugin) => plugin.clone(),
        Wanted::Parked { .. } => shared.running.parked().ok_or("no earlier plugin is parked")?,
    };
    let is_back = matches!(order.wanted, Wanted::Parked { .. });
    let generation = host.next_generation();
    let mut candidate = match shadow::prepare(shared, &plugin, generation, instances(drive)) {
        Ok(candidate) => candidate,
        // The way back must not hang on a broker that happens to be away.
        Err(_) if is_back => Candidate::bare(shared, &plugin, generation)?,
        Err(why) => return Err(why),
    };
    if !is_back {
        let more = shadow::more(shared, &candidate);
        if !more.is_empty() && !order.terms.accept_more {
            return Err(format!(
                "it can do more than the one that runs ({}); pin it, or say --accept-more",
                more.join(", ")
            ));
        }
        let found = shadow::compare(shared, &mut candidate)?;
        if !found.is_empty() && !order.terms.accept_differences {
            return Err(format!("it answers differently: {}", found.join("; ")));
        }
    }
    let gap = hand_over(shared, candidate, is_back)?;
    let was = shared.running.parked().map_or(String::new(), |old| format!(", was {}", old.id()));
    let text = format!(
        "{} {} as generation {generation}{was}; the queue stood still for {} us; {}",
        if is_back { "back to plugin" } else { "plugin" },
        plugin.id(),
        gap.as_micros(),
        order.wanted.words()
    );
    shared.tell(BrokerEvent::Swapped { info: shared.running.info(), text });
    Ok((generation, gap))
}

/// Instances that are connected ahead: one for each thread.
fn instances(drive: Drive) -> impl Fn(bool) -> usize {
    move |concurrent| {
        // Fills, reads, prices, streams.
        let readers = if drive == Drive::Timer { 4 } else { 2 };
        readers + if concurrent { crate::account::WRITE_INSTANCES } else { 1 }
    }
}

/// Waits for the daemon's word, shuts the gate, lets what is on its way end, and raises the
/// generation. The answer is how long the gate was shut.
fn hand_over(shared: &Shared, candidate: Candidate, is_back: bool) -> Result<Duration, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if is_back {
            // Back to what worked, whatever stands unprotected now: a broken plugin mends nothing.
            shared.scheduler.shut();
        } else if !shared.swap.wait_for_word(deadline, || shared.stopping()) {
            let why = shared.swap.blocked().unwrap_or_else(|| "the daemon gave no word".to_owned());
            return Err(format!("there was no quiet moment for it within a minute: {why}"));
        }
        let began = Instant::now();
        match drain(shared, began) {
            Drained::Empty => {
                shared.publish(candidate);
                shared.scheduler.open();
                return Ok(began.elapsed());
            }
            Drained::Hurried => shared.swap.hurried(),
            Drained::Busy => {
                shared.scheduler.open();
                shared.swap.say("a call of the old plugin did not end in time");
            }
        }
        if shared.stopping() || Instant::now() >= deadline {
            return Err("a call of the old plugin did not end in time, again and again".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn drain(shared: &Shared, began: Instant) -> Drained {
    match shared.scheduler.drained(began + DETACH_AFTER) {
        Drained::Busy => {
            shared.detach_writes();
            shared.scheduler.drained(began + GATE_MAX)
        }
        done @ (Drained::Empty | Drained::Hurried) => done,
    }
}
