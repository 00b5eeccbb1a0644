//! Sees every moment of every call into the plugin: aims a fault at one export's request, lets a call
//! die at one host call, and counts what exports cost.
//!
//! Apart because it is the only thing here that runs on the account's own threads. It must never
//! wait for the thread that drives a row.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use bracketd_account::{AccountHandle, Hook, HostCall, Moment, Spoken, Verdict, Word};

use crate::network::{Fault, Network};

/// Every request of every call.
pub(crate) const EVERY: u32 = 0;

/// What a fault is aimed at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim {
    /// The export whose request it meets.
    pub(crate) export: &'static str,
    /// Which request of a call, from 1, or [`EVERY`]; of those that could write, where only these
    /// count.
    pub(crate) request: u32,
    pub(crate) only_writes: bool,
    pub(crate) with: With,
}

/// What happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    /// The network does this to the request.
    Fault(Fault),
    /// Nobody listens from the call's first moment to its last.
    Down,
}

/// What becomes of a life at one host call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    KillBefore,
    KillAfter,
    Swap,
}

/// How a call ended, in the plugin's own word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) export: &'static str,
    pub(crate) word: Word,
    pub(crate) code: String,
    pub(crate) after_ms: Option<u64>,
    pub(crate) lookups: usize,
    pub(crate) requests: u32,
}

impl Heard {
    /// For people.
    pub(crate) fn shown(&self) -> String {
        let code = if self.code.is_empty() { String::new() } else { format!(" {}", self.code) };
        let after = self.after_ms.map_or(String::new(), |ms| format!(", after {ms} ms"));
        format!("{}{code}{after}", self.word.as_str())
    }
}

/// What the calls of an export cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Calls.
    pub calls: u64,
    /// Requests to the broker.
    pub requests: u64,
    /// The plugin's own time, host calls taken out.
    pub own: Duration,
    /// The longest of these.
    pub own_max: Duration,
}

/// What all exports cost, over all rows.
pub(crate) type Costs = Arc<Mutex<BTreeMap<&'static str, Cost>>>;

#[derive(Default)]
struct State {
    aim: Option<Aim>,
    /// Calls of that export that pass unharmed first.
    skip: u32,
    /// Whether the call that the aim is for runs, and which of its requests came so far.
    aimed: Option<u32>,
    /// The request that met the fault.
    hit: Option<String>,
    /// What happens just before the next write goes on.
    before_write: Option<Box<dyn FnOnce() + Send>>,
    heard: Vec<Heard>,
    running: HashMap<ThreadId, Running>,
    is_counting: bool,
    host_calls: u64,
    strike: Option<(Strike, u64)>,
    struck: Option<String>,
}

struct Running {
    began: Instant,
    entered: Instant,
    in_host: Duration,
    requests: u32,
}

/// The eye of one account.
pub(crate) struct Watch {
    state: Mutex<State>,
    costs: Costs,
    network: OnceLock<Arc<Network>>,
    account: OnceLock<Weak<AccountHandle>>,
    /// Paths whose POST reads.
    reads: Vec<String>,
}

impl Watch {
    pub(crate) fn new(costs: Costs, reads: Vec<String>) -> Arc<Self> {
        let (network, account) = (OnceLock::new(), OnceLock::new());
        Arc::new(Self { state: Mutex::default(), costs, network, account, reads })
    }

    /// The hook for the account's configuration.
    pub(crate) fn hook(self: &Arc<Self>) -> Hook {
        let watch = Arc::clone(self);
        Hook::new(move |call| watch.sees(call))
    }

    /// The network asks it of each request.
    pub(crate) fn over(self: &Arc<Self>, network: &Arc<Network>) {
        let watch = Arc::downgrade(self);
        network.fail(move |method, path| watch.upgrade()?.meets(method, path));
        // An eye is put over one network once.
        drop(self.network.set(Arc::clone(network)));
    }

    /// The account that it may give the word of a swap.
    pub(crate) fn may_swap(&self, account: &Arc<AccountHandle>) {
        drop(self.account.set(Arc::downgrade(account)));
    }

    /// From now on calls of that export meet a fault; none forgets what was aimed at.
    pub(crate) fn aim(&self, aim: Option<Aim>) {
        let mut state = self.state();
        (state.aim, state.aimed, state.hit, state.skip) = (aim, None, None, 0);
    }

    /// The same once so many calls of that export have passed.
    pub(crate) fn aim_after(&self, skip: u32, aim: Aim) {
        self.aim(Some(aim));
        self.state().skip = skip;
    }

    /// The request that met the fault.
    pub(crate) fn hit(&self) -> Option<String> {
        self.state().hit.clone()
    }

    /// This happens just before the next request that may write goes on.
    pub(crate) fn before_next_write(&self, happens: impl FnOnce() + Send + 'static) {
        self.state().before_write = Some(Box::new(happens));
    }

    /// How calls of that export ended since this was asked last, for it or another.
    pub(crate) fn take_heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.state().heard)
    }

    /// How often calls of that export ended so far.
    pub(crate) fn count(&self, export: &str) -> usize {
        self.state().heard.iter().filter(|heard| heard.export == export).count()
    }

    /// Host calls are counted from now on, and one of them may be struck.
    pub(crate) fn begin(&self, strike: Option<(Strike, u64)>) {
        let mut state = self.state();
        (state.is_counting, state.host_calls) = (true, 0);
        (state.strike, state.struck) = (strike, None);
    }

    /// Host calls are not counted any more. Gives how many there were.
    pub(crate) fn end(&self) -> u64 {
        let mut state = self.state();
        state.is_counting = false;
        state.host_calls
    }

    /// Which host call was struck.
    pub(crate) fn struck(&self) -> Option<String> {
        self.state().struck.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meets(&self, method: &str, path: &str) -> Option<Fault> {
        if self.is_write(method, path) {
            let happens = self.state().before_write.take();
            if let Some(happens) = happens {
                happens();
            }
        }
        let mut state = self.state();
        let (aim, seen) = (state.aim?, state.aimed?);
        if aim.only_writes && !self.is_write(method, path) {
            return None;
        }
        state.aimed = Some(seen + 1);
        match aim.with {
            With::Fault(fault) if aim.request == EVERY || seen + 1 == aim.request => {
                state.hit = Some(format!("{method} {path}, request {}", seen + 1));
                Some(fault)
            }
            With::Fault(_) | With::Down => None,
        }
    }

    /// Whether the grants of the account under test call a request a write.
    pub(crate) fn is_write(&self, method: &str, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or(path);
        let reads = method == "POST" && self.reads.iter().any(|read| path.starts_with(read));
        !matches!(method, "GET" | "HEAD") && !reads
    }

    fn sees(&self, call: HostCall<'_>) -> Verdict {
        match call.moment {
            Moment::Begun => self.begun(call.export),
            Moment::Before(import) => return self.passes(&call, import, false),
            Moment::After(import) => return self.passes(&call, import, true),
            Moment::Ended(spoken) => self.ended(call.export, &spoken),
        }
        Verdict::GoOn
    }

    fn begun(&self, export: &'static str) {
        let mut state = self.state();
        let now = Instant::now();
        let running = Running { began: now, entered: now, in_host: Duration::ZERO, requests: 0 };
        state.running.insert(std::thread::current().id(), running);
        let Some(aim) = state.aim.filter(|aim| aim.export == export) else { return };
        if let Some(left) = state.skip.checked_sub(1) {
            state.skip = left;
            return;
        }
        state.aimed.get_or_insert(0);
        if aim.with == With::Down {
            state.hit = Some("nobody listens".to_owned());
            drop(state);
            if let Some(network) = self.network.get() {
                network.go_down();
            }
        }
    }

    fn passes(&self, call: &HostCall<'_>, import: &'static str, is_after: bool) -> Verdict {
        let mut state = self.state();
        if let Some(running) = state.running.get_mut(&std::thread::current().id()) {
            if is_after {
                running.in_host += running.entered.elapsed();
            } else {
                running.entered = Instant::now();
                running.requests += u32::from(import == "http.send");
            }
        }
        if !state.is_counting {
            return Verdict::GoOn;
        }
        state.host_calls += u64::from(!is_after);
        let Some((strike, at)) = state.strike else { return Verdict::GoOn };
        let strikes = match strike {
            Strike::KillBefore | Strike::Swap => !is_after,
            Strike::KillAfter => is_after,
        };
        if !strikes || state.host_calls != at || state.struck.is_some() {
            return Verdict::GoOn;
        }
        state.struck = Some(format!("host call {at}, {import} of {}", call.export));
        drop(state);
        match strike {
            Strike::KillBefore | Strike::KillAfter => Verdict::Kill,
            Strike::Swap => {
                if let Some(account) = self.account.get().and_then(Weak::upgrade) {
                    account.let_swap();
                }
                Verdict::GoOn
            }
        }
    }

    fn ended(&self, export: &'static str, spoken: &Spoken<'_>) {
        let mut state = self.state();
        let running = state.running.remove(&std::thread::current().id());
        let requests = running.as_ref().map_or(0, |running| running.requests);
        let own = running.map_or(Duration::ZERO, |r| r.began.elapsed().saturating_sub(r.in_host));
        let &Spoken { word, code, after_ms, lookups } = spoken;
        let code = code.to_owned();
        state.heard.push(Heard { export, word, code, after_ms, lookups, requests });
        let aimed = state.aim.filter(|aim| aim.export == export);
        if aimed.is_some_and(|aim| aim.request != EVERY) {
            state.aimed = None;
        }
        drop(state);
        let mut costs = self.costs.lock().unwrap_or_else(PoisonError::into_inner);
        let cost = costs.entry(export).or_default();
        cost.calls += 1;
        cost.requests += u64::from(requests);
        cost.own += own;
        cost.own_max = cost.own_max.max(own);
        drop(costs);
        if let (Some(aim), Some(network)) = (aimed, self.network.get()) {
            network.let_go();
            if aim.with == With::Down {
                // The row that goes on without a network says so.
                drop(network.come_up());
            }
        }
    }
}
