//! After a gap in a stream everything is read again: a poll at once, and a complete picture.
//!
//! Apart because a broker or a guest could cry gap all day: pictures are many requests, and one in
//! so many seconds is all that a stream may cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use bracketd_core::command::{Read, Urgency};

use crate::actor::facts::Facts;
use crate::actor::reader::picture_since;
use crate::shared::Shared;

/// Shortest time between two polls that streams ask for.
const POLL_MIN: Duration = Duration::from_secs(1);
/// Shortest time between two pictures that streams ask for.
const PICTURE_MIN: Duration = Duration::from_secs(15);
/// A socket that is open again has so long to say when it begins to tell: one picture then does for
/// both.
const SOON: Duration = Duration::from_secs(1);

/// What streams want read again.
pub(crate) struct Gap {
    shared: Arc<Shared>,
    facts: Facts,
    reads: Sender<(Read, Urgency)>,
    picture_ms: u64,
    poll: Wish,
    picture: Wish,
}

/// A wish that is granted at most so often.
struct Wish {
    pause: Duration,
    /// From when on it is wanted.
    wanted: Option<Instant>,
    granted: Option<Instant>,
}

impl Wish {
    fn new(pause: Duration) -> Self {
        Self { pause, wanted: None, granted: None }
    }

    fn want(&mut self, from: Instant) {
        self.wanted = Some(self.wanted.map_or(from, |known| known.min(from)));
    }

    /// Whether it is to be granted now.
    fn take(&mut self, now: Instant) -> bool {
        let may = self.granted.is_none_or(|at| now.duration_since(at) >= self.pause);
        let take = may && self.wanted.is_some_and(|from| from <= now);
        if take {
            (self.wanted, self.granted) = (None, Some(now));
        }
        take
    }
}

impl Gap {
    /// Nothing is wanted.
    pub(crate) fn new(
        shared: Arc<Shared>,
        facts: Facts,
        reads: Sender<(Read, Urgency)>,
        picture_ms: u64,
    ) -> Self {
        let (poll, picture) = (Wish::new(POLL_MIN), Wish::new(PICTURE_MIN));
        Self { shared, facts, reads, picture_ms, poll, picture }
    }

    /// Something may be news: orders and fills shall be polled.
    pub(crate) fn poll(&mut self) {
        self.poll.want(Instant::now());
        self.look();
    }

    /// Something was missed: everything shall be read.
    pub(crate) fn reconcile(&mut self) {
        self.picture.want(Instant::now());
        self.poll();
    }

    /// The same of a socket that is open again, and may say itself when it begins to tell.
    pub(crate) fn reconcile_soon(&mut self) {
        self.picture.want(Instant::now() + SOON);
        self.poll();
    }

    /// Grants what is due.
    pub(crate) fn look(&mut self) {
        let now = Instant::now();
        if self.poll.take(now) {
            self.facts.poll_now(&self.shared);
        }
        if self.picture.take(now) {
            self.ask_for_picture();
        }
    }

    fn ask_for_picture(&self) {
        let since = picture_since(&self.shared, self.picture_ms);
        let urgency = Urgency::Reduce;
        self.shared.begun();
        self.shared.scheduler.read_begun(urgency);
        if self.reads.try_send((Read::Picture { since }, urgency)).is_err() {
            self.shared.scheduler.read_ended(urgency);
            self.shared.ended();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_waits_for_its_pause_and_is_granted_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut wish = Wish::new(Duration::from_millis(100));
        for (ms, wanted_from, granted) in [
            (0, None, false),
            (1, Some(1), true),
            (2, Some(2), false),
            (50, None, false),
            (101, None, true),
            (102, None, false),
            (300, Some(400), false),
            (350, Some(350), true),
            (450, None, false),
            (500, Some(550), false),
            (549, None, false),
            (550, None, true),
        ] {
            if let Some(from) = wanted_from {
                wish.want(at(from));
            }
            assert_eq!(wish.take(at(ms)), granted, "{ms}");
        }
    }
}
