//! Lives of a transaction, each ended or handed over at one host call of the plugin.
//!
//! Apart because here the whole host is under test with the plugin: the real engine, an in-memory
//! ledger, the real account. A call that dies at any host call, and a swap at any, may cost time and
//! nothing else.

mod daemon;
mod lives;

use crate::Kit;
use crate::desk::Desk;
use crate::plan::Planned;
use crate::row::{Part, Stop, Tried};
use crate::watch::Strike;

use daemon::Daemon;
use lives::Life;

/// A life with more host calls is struck at some of them, evenly; the report says at how many.
const STRIKES_MAX: u64 = 400;
/// No life has more host calls; a filter may name one of them.
const HOST_CALLS_MAX: u64 = 2_000;

const STRIKES: [(Strike, &str); 3] = [
    (Strike::KillBefore, "killed before"),
    (Strike::KillAfter, "killed after"),
    (Strike::Swap, "swapped at"),
];

/// The rows of lives that nothing disturbs; the others follow from how many host calls these had.
pub(crate) fn undisturbed() -> Vec<Planned> {
    let row = |life: Life| {
        Planned::new(Part::Histories, life.name(), "undisturbed", move |kit| {
            live(kit, life, None).map(drop)
        })
    };
    Life::ALL.into_iter().map(row).collect()
}

/// A row for each host call of each life and each way to disturb it there.
pub(crate) fn disturbed(kit: &Kit, wanted: impl Fn(&str) -> bool) -> Vec<Planned> {
    let mut rows = Vec::new();
    for life in Life::ALL {
        let any = |group: String| {
            let id = |at: u64| format!("{}/{group}/host call {at}", Part::Histories.as_str());
            (1..=HOST_CALLS_MAX).any(|at| wanted(&id(at)))
        };
        if !STRIKES.iter().any(|(_, word)| any(format!("{}, {word}", life.name()))) {
            continue;
        }
        // One that does not get through undisturbed has its own row to say so.
        let Ok(host_calls) = live(kit, life, None) else { continue };
        for (strike, word) in STRIKES {
            let step = host_calls.div_ceil(STRIKES_MAX).max(1);
            let group = format!("{}, {word}", life.name());
            for at in (1..=host_calls).step_by(usize::try_from(step).unwrap_or(1)) {
                let run = move |kit: &Kit| struck(kit, life, strike, at);
                rows.push(Planned::new(Part::Histories, &group, &format!("host call {at}"), run));
            }
        }
    }
    rows
}

fn struck(kit: &Kit, life: Life, strike: Strike, at: u64) -> Tried {
    live(kit, life, Some((strike, at))).map(drop)
}

/// Lives it from its opening to its end; gives how many host calls that took.
fn live(kit: &Kit, life: Life, strike: Option<(Strike, u64)>) -> Result<u64, Stop> {
    let desk = Desk::open(kit)?;
    let mut daemon = Daemon::start(desk)?;
    let swaps = matches!(strike, Some((Strike::Swap, _)));
    if swaps {
        daemon.prepare_swap(kit)?;
    }
    let generation = daemon.desk.account.plugins().generation;
    daemon.desk.watch.begin(strike);
    let lived = lives::live(&mut daemon, life);
    let host_calls = daemon.desk.watch.end();
    let struck = daemon.desk.watch.struck();
    if let Err(stop) = lived {
        return Err(placed(stop, struck));
    }
    if strike.is_some() && struck.is_none() {
        // Threads of the account meet in other orders from run to run.
        return Err(Stop::NotOffered(format!("this time the life had {host_calls} host calls")));
    }
    if swaps {
        let desk = &daemon.desk;
        desk.until("the swap happens", || desk.account.plugins().generation > generation)
            .map_err(|stop| placed(stop, struck))?;
    }
    Ok(host_calls)
}

/// The finding with the host call at which the life was disturbed.
fn placed(stop: Stop, struck: Option<String>) -> Stop {
    match (stop, struck) {
        (Stop::Fails(mut finding), Some(struck)) => {
            finding.at = match finding.at.is_empty() {
                true => struck,
                false => format!("{}; struck at {struck}", finding.at),
            };
            Stop::Fails(finding)
        }
        (stop, _) => stop,
    }
}
