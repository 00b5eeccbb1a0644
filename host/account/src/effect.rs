//! Named moments of an account at which a test lets the process die. Debug builds only.
//!
//! Apart because the daemon decides what happens at a point; an account only says that it has come
//! there. It must never change what an account does.

#[cfg(debug_assertions)]
use std::sync::OnceLock;

/// Every point of this crate, in the order in which a write and a read pass them.
#[cfg(debug_assertions)]
pub const POINTS: &[&str] = &[
    "write.taken",
    "write.leaving",
    "write.answered",
    "answer.telling",
    "answer.told",
    "poll.telling",
    "poll.told",
    "lookup.telling",
    "start.picture.telling",
];

#[cfg(debug_assertions)]
static OBSERVER: OnceLock<fn(&'static str)> = OnceLock::new();

/// From now on `observer` is called at each point. Only the first call counts.
#[cfg(debug_assertions)]
pub fn observe(observer: fn(&'static str)) {
    let _only_the_first_counts = OBSERVER.set(observer);
}

/// The program comes by this point. Nothing in release builds.
pub(crate) fn point(name: &'static str) {
    #[cfg(debug_assertions)]
    if let Some(observer) = OBSERVER.get() {
        observer(name);
    }
    #[cfg(not(debug_assertions))]
    let _nobody_watches = name;
}
