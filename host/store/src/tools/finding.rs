//! What a check can find, with a code for programs and what a person has to do.
//!
//! Apart because backup, restore and check judge by the same list. A code never changes once
//! released.

/// Most findings of one kind that are told; a damaged index alone can have thousands.
pub(super) const TOLD_MAX: usize = 20;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// SQLite's integrity check complains.
    NotSound,
    /// A row refers to one that is not there.
    DanglingReference,
    /// A cell holds something that its type has no meaning for, such as an unknown status.
    UnreadableRow,
    /// Facts are missing between others: they are numbered without a gap.
    FactsMissing,
    /// The slices of a transaction do not add up to what entered less what left it.
    HeldDiffers,
    /// Two outbox rows have the same operation id or client order id (I3).
    IdRepeated,
    /// Two unsettled outbox rows occupy the same leg of a slice (I4).
    LegTwice,
    /// A leg has an outbox row beyond the counter that numbers them (I3).
    CounterBehind,
    /// The activity log is damaged.
    ActivityDamaged,
    /// A newer program wrote the activity log.
    ActivityNewer,
    /// The activity log holds facts that the ledger had and has lost.
    ActivityAhead,
    /// The disk was full: the room for protective commits has been given back.
    BallastGone,
    /// A restore stopped between its last steps.
    RestoreInterrupted,
    /// The activity log is another ledger's.
    ActivityOther,
}

impl FindingKind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::NotSound,
        Self::DanglingReference,
        Self::UnreadableRow,
        Self::FactsMissing,
        Self::HeldDiffers,
        Self::IdRepeated,
        Self::LegTwice,
        Self::CounterBehind,
        Self::ActivityDamaged,
        Self::ActivityNewer,
        Self::ActivityAhead,
        Self::BallastGone,
        Self::RestoreInterrupted,
        Self::ActivityOther,
    ];

    /// Its code, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotSound => "NOT_SOUND",
            Self::DanglingReference => "DANGLING_REFERENCE",
            Self::UnreadableRow => "UNREADABLE_ROW",
            Self::FactsMissing => "FACTS_MISSING",
            Self::HeldDiffers => "HELD_DIFFERS",
            Self::IdRepeated => "ID_REPEATED",
            Self::LegTwice => "LEG_TWICE",
            Self::CounterBehind => "COUNTER_BEHIND",
            Self::ActivityDamaged => "ACTIVITY_DAMAGED",
            Self::ActivityNewer => "ACTIVITY_NEWER",
            Self::ActivityAhead => "ACTIVITY_AHEAD",
            Self::BallastGone => "BALLAST_GONE",
            Self::RestoreInterrupted => "RESTORE_INTERRUPTED",
            Self::ActivityOther => "ACTIVITY_OTHER",
        }
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::NotSound | Self::DanglingReference | Self::UnreadableRow => {
                "this file cannot be used; keep it as evidence. Ask `bracketd db check FILE` of each \
                 backup, the newest first: with the daemon stopped, `bracketd db restore FILE` puts \
                 the first that is ok in the ledger's place. Where none is, rename the ledger to \
                 ledger.db.damaged; `bracketd run --new-ledger` begins an empty one with every \
                 account disarmed"
            }
            Self::FactsMissing => {
                "evidence is lost: keep this file, and compare with a backup of before"
            }
            Self::HeldDiffers => {
                "compare with the position at the broker; close or resize by hand what differs"
            }
            Self::IdRepeated | Self::LegTwice | Self::CounterBehind => {
                "disarm the account and compare its open orders at the broker before anything is \
                 sent; keep this file"
            }
            Self::ActivityDamaged => {
                "nothing: the next start sets it aside and makes it again from the ledger's facts"
            }
            Self::ActivityNewer => "run the newer bracketd, or move the file away",
            Self::ActivityAhead => {
                "the ledger has lost facts that were committed. Stop the daemon and keep \
                 activity.db: it tells what they were. Then restore a newer backup where there is one \
                 (`bracketd db restore FILE`), or start: a new epoch begins with every account \
                 disarmed, and the log is kept under another name"
            }
            Self::BallastGone => "make room on the disk; the ballast is filled again by itself",
            Self::ActivityOther => {
                "nothing: the next start keeps it under another name and makes one from this \
                 ledger's facts"
            }
            Self::RestoreInterrupted => "run the restore again: bracketd db restore FILE",
        }
    }

    /// Whether the ledger cannot be trusted as a file: no backup is made of it, and none is
    /// restored that has it.
    pub fn is_damage(self) -> bool {
        match self {
            Self::NotSound | Self::DanglingReference | Self::UnreadableRow => true,
            Self::FactsMissing
            | Self::HeldDiffers
            | Self::IdRepeated
            | Self::LegTwice
            | Self::CounterBehind
            | Self::ActivityDamaged
            | Self::ActivityNewer
            | Self::ActivityAhead
            | Self::BallastGone
            | Self::RestoreInterrupted
            | Self::ActivityOther => false,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// Where: a file, a table with a row, a transaction.
    pub place: String,
    /// What stands there.
    pub what: String,
}
