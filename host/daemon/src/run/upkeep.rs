//! What goes wrong with the files behind the daemon: the ledger, the activity log, the ballast.
//!
//! Apart because the log says it once when it begins and once when it is over, and the status says
//! the same words meanwhile. It mends nothing: each of the three goes on by itself.

use std::time::{Duration, Instant};

use bracketd_store::SpareRoom;
use bracketd_store::activity::ActivityStatus;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Looks in a row that find the activity log failing before that is said: somebody may hold it for
/// a moment.
const LOOKS: u32 = 2;

/// What is wrong at present, in the words that were told.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    spare_room: Option<SpareRoom>,
    looked_at: Option<Instant>,
    ledger: Option<String>,
    activity: Option<String>,
    activity_fails: u32,
    is_ballast_gone: bool,
    is_aside_told: bool,
}

impl Upkeep {
    pub(super) fn new(spare_room: Option<SpareRoom>) -> Self {
        Self { spare_room, ..Self::default() }
    }

    /// The ledger cannot be written, for this reason, or was written.
    pub(super) fn ledger_is(&mut self, error: Option<String>) {
        match (&self.ledger, &error) {
            (None, Some(why)) => {
                tracing::error!(%why, "the ledger cannot be written; nothing is sent until it can");
            }
            (Some(_), None) => tracing::info!("the ledger is written again"),
            _ => {}
        }
        self.ledger = error;
    }

    /// Why the ledger cannot be written, while it cannot.
    pub(super) fn ledger_error(&self) -> Option<&str> {
        self.ledger.as_deref()
    }

    /// Looks at the other two, unless that was a moment ago.
    pub(super) fn look(&mut self, last_fact: u64, status: impl FnOnce() -> ActivityStatus) {
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOK) {
            return;
        }
        self.looked_at = Some(Instant::now());
        self.activity_is(&status(), last_fact);
        let is_gone = self.spare_room.as_ref().is_some_and(|room| !room.is_kept());
        match (self.is_ballast_gone, is_gone) {
            (false, true) => tracing::error!("{BALLAST_GONE}"),
            (true, false) => tracing::info!("the ballast is kept for a full disk again"),
            _ => {}
        }
        self.is_ballast_gone = is_gone;
    }

    fn activity_is(&mut self, status: &ActivityStatus, last_fact: u64) {
        if let Some(path) = status.set_aside.as_ref().filter(|_| !self.is_aside_told) {
            tracing::warn!(
                "the facts of the activity log that was there are not this ledger's; it is kept as \
                 {} and a new one is made from this ledger's facts",
                path.display()
            );
            self.is_aside_told = true;
        }
        self.activity_fails = if status.is_failing { self.activity_fails + 1 } else { 0 };
        if self.activity_fails == 0 {
            if self.activity.take().is_some() {
                tracing::info!("the activity log is written again; what it missed is filled in");
            }
        } else if self.activity_fails >= LOOKS {
            let why = status.last_error.as_deref().unwrap_or("no reason was given");
            let behind = last_fact.saturating_sub(status.up_to_fact);
            if self.activity.is_none() {
                tracing::error!(%why, behind, "the activity log is not written; it is tried again");
            }
            self.activity = Some(format!(
                "the activity log is not written and {behind} facts behind ({why}); it is tried \
                 again and catches up by itself"
            ));
        }
    }

    /// What must not be overlooked, one sentence each.
    pub(super) fn alerts(&self) -> impl Iterator<Item = String> {
        let ballast = self.is_ballast_gone.then(|| BALLAST_GONE.to_owned());
        ballast.into_iter().chain(self.activity.clone())
    }
}

const BALLAST_GONE: &str = "the disk was full and the ballast (ledger.ballast) was given back; make \
     room on the disk, it is kept again by itself";
