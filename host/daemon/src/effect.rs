//! Named moments at which a test lets the whole daemon die. Debug builds only.
//!
//! Apart because "a crash may fall anywhere" is proven by going through this list, point by point
//! (reliability, section 6). `BRACKETD_ABORT_AT=NAME` ends the process at that point as a crash
//! would, `NAME:K` at the K-th time, `?` prints the list. Points whose names begin with `start.`,
//! `lookup.` or `stop.` count from the beginning, all others from the first request on: what a
//! start does by the way is not the operation under test. A release build has none of this.

use bracketd_engine::Input;

/// The points of the engine thread and of start and stop.
#[cfg(debug_assertions)]
const POINTS: &[&str] = &[
    "start.loaded",
    "start.connecting",
    "start.serving",
    "start.up.heard",
    "start.up.applied",
    "start.picture.heard",
    "start.picture.applied",
    "request.heard",
    "request.applied",
    "answer.heard",
    "answer.applied",
    "lookup.heard",
    "lookup.applied",
    "poll.heard",
    "poll.applied",
    "send.begin",
    "send.end",
    "read.begin",
    "read.end",
    "watch.begin",
    "watch.end",
    "verdict.begin",
    "verdict.end",
    "activity.begin",
    "activity.end",
    "stop.asked",
    "stop.drained",
    "stop.ended",
];

/// The program comes by this point.
pub(crate) fn point(name: &'static str) {
    #[cfg(debug_assertions)]
    armed::reached(name);
    #[cfg(not(debug_assertions))]
    let _nobody_watches = name;
}

/// What a step is given, so that its end can be named like its beginning.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard(#[cfg(debug_assertions)] armed::Kinds);

/// A step begins with these inputs.
pub(crate) fn heard(inputs: &[Input], is_ready: bool) -> Heard {
    #[cfg(debug_assertions)]
    {
        let heard = Heard(armed::Kinds::of(inputs, is_ready));
        heard.0.reached(|(begin, _)| begin);
        heard
    }
    #[cfg(not(debug_assertions))]
    {
        let _nobody_watches = (inputs, is_ready);
        Heard()
    }
}

/// The step is over; nothing of what follows from it was handed out yet.
pub(crate) fn applied(heard: Heard) {
    #[cfg(debug_assertions)]
    heard.0.reached(|(_, end)| end);
    #[cfg(not(debug_assertions))]
    let Heard() = heard;
}

#[cfg(debug_assertions)]
pub use armed::start;

#[cfg(debug_assertions)]
mod armed {
    //! The point that the environment names.

    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use bracketd_core::broker::BrokerEvent;
    use bracketd_engine::Input;

    const VARIABLE: &str = "BRACKETD_ABORT_AT";
    /// Points that count before the first request.
    const FROM_THE_BEGINNING: [&str; 3] = ["start.", "lookup.", "stop."];

    static ARMED: OnceLock<Armed> = OnceLock::new();

    struct Armed {
        name: String,
        /// Times it is still passed by.
        left: AtomicU32,
        was_asked: AtomicBool,
    }

    fn all() -> impl Iterator<Item = &'static str> {
        let parts =
            [super::POINTS, bracketd_store::effect::POINTS, bracketd_account::effect::POINTS];
        parts.into_iter().flatten().copied()
    }

    /// Reads the environment. Gives the list when that is what is asked for.
    ///
    /// # Errors
    /// A name that is not in the list: a test that waits for it would prove nothing.
    pub fn start() -> Result<Option<String>, String> {
        let Ok(text) = std::env::var(VARIABLE) else { return Ok(None) };
        if text == "?" {
            return Ok(Some(all().collect::<Vec<_>>().join("\n")));
        }
        let (name, times) = text.split_once(':').unwrap_or((&text, "1"));
        let times: u32 =
            times.parse().map_err(|_| format!("{VARIABLE}: {times:?} is no number"))?;
        if times == 0 || !all().any(|known| known == name) {
            return Err(format!("{VARIABLE}={text}: no such point; {VARIABLE}=? lists them"));
        }
        let armed = Armed {
            name: name.to_owned(),
            left: AtomicU32::new(times - 1),
            was_asked: AtomicBool::new(false),
        };
        if ARMED.set(armed).is_ok() {
            bracketd_store::effect::observe(reached);
            bracketd_account::effect::observe(reached);
        }
        Ok(None)
    }

    pub(super) fn reached(name: &'static str) {
        let Some(armed) = ARMED.get() else { return };
        debug_assert!(all().any(|known| known == name), "{name} is missing in the list");
        let counts = armed.was_asked.load(Ordering::Acquire)
            || FROM_THE_BEGINNING.iter().any(|prefix| name.starts_with(prefix));
        if name != armed.name || !counts {
            return;
        }
        let passed = armed
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        if passed.is_err() {
            anstream::eprintln!("aborts at effect point {name}");
            std::process::abort();
        }
    }

    /// Which kinds of input a step was given.
    #[derive(Clone, Copy, Debug, Default)]
    pub(super) struct Kinds {
        request: bool,
        answer: bool,
        lookup: bool,
        poll: bool,
        up: bool,
        first_picture: bool,
    }

    impl Kinds {
        pub(super) fn of(inputs: &[Input], is_ready: bool) -> Self {
            let mut kinds = Self::default();
            for input in inputs {
                match input {
                    Input::Request { .. } => kinds.request = true,
                    Input::Account(from) => match &from.event {
                        BrokerEvent::Answer { .. } => kinds.answer = true,
                        BrokerEvent::LookedUp { .. } => kinds.lookup = true,
                        BrokerEvent::Polled { .. } => kinds.poll = true,
                        BrokerEvent::Up(_) => kinds.up = true,
                        BrokerEvent::Picture(_) => kinds.first_picture |= !is_ready,
                        _ => {}
                    },
                    Input::NotTaken { .. }
                    | Input::Policies(_)
                    | Input::KillFile(_)
                    | Input::Compare(_)
                    | Input::Remembers(..)
                    | Input::Thaw { .. } => {}
                }
            }
            if kinds.request
                && let Some(armed) = ARMED.get()
            {
                armed.was_asked.store(true, Ordering::Release);
            }
            kinds
        }

        pub(super) fn reached(self, which: fn((&'static str, &'static str)) -> &'static str) {
            let pairs = [
                (self.request, ("request.heard", "request.applied")),
                (self.answer, ("answer.heard", "answer.applied")),
                (self.lookup, ("lookup.heard", "lookup.applied")),
                (self.poll, ("poll.heard", "poll.applied")),
                (self.up, ("start.up.heard", "start.up.applied")),
                (self.first_picture, ("start.picture.heard", "start.picture.applied")),
            ];
            for (_, names) in pairs.into_iter().filter(|(is_so, _)| *is_so) {
                reached(which(names));
            }
        }
    }
}
