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
    is_open: bool,
    granted: Option<Instant>,
}

impl Wish {
    fn new(pause: Duration) -> Self {
        Self { pause, is_open: false, granted: None }
    }

    /// Whether it is to be granted now.
    fn take(&mut self, now: Instant) -> bool {
        let may = self.granted.is_none_or(|at| now.duration_since(at) >= self.pause);
        let take = may && std::mem::take(&mut self.is_open);
        if take {
            self.granted = Some(now);
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
        self.poll.is_open = true;
        self.look();
    }

    /// Something was missed: everything shall be read.
    pub(crate) fn reconcile(&mut self) {
        self.poll.is_open = true;
        self.picture.is_open = true;
        self.look();
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
        for (ms, wished, want) in [
            (0, false, false),
            (1, true, true),
            (2, true, false),
            (50, false, false),
            (101, false, true),
            (102, false, false),
            (300, true, true),
        ] {
            wish.is_open |= wished;
            assert_eq!(wish.take(at(ms)), want, "{ms}");
        }
    }
}
