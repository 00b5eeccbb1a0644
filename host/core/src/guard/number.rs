//! The guards by number, and which refusal belongs to which.
//!
//! Apart because code, tests, documents and people cite these numbers. A refusal that is added
//! breaks the build here until somebody says which guard it is of.

use crate::refusal::Refusal;

/// A guard. The numbers are never used again for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is said by its name below")]
pub enum Guard {
    G1,
    G2,
    G3,
    G4,
    G5,
    G6,
    G7,
    G8,
    G9,
    G10,
    G11,
    G12,
    G13,
    G14,
    G15,
    G16,
    G17,
    G18,
    G19,
}

impl Guard {
    /// All of them by number.
    pub const ALL: [Self; 19] = [
        Self::G1,
        Self::G2,
        Self::G3,
        Self::G4,
        Self::G5,
        Self::G6,
        Self::G7,
        Self::G8,
        Self::G9,
        Self::G10,
        Self::G11,
        Self::G12,
        Self::G13,
        Self::G14,
        Self::G15,
        Self::G16,
        Self::G17,
        Self::G18,
        Self::G19,
    ];

    /// `G1` to `G19`.
    pub fn id(self) -> &'static str {
        match self {
            Self::G1 => "G1",
            Self::G2 => "G2",
            Self::G3 => "G3",
            Self::G4 => "G4",
            Self::G5 => "G5",
            Self::G6 => "G6",
            Self::G7 => "G7",
            Self::G8 => "G8",
            Self::G9 => "G9",
            Self::G10 => "G10",
            Self::G11 => "G11",
            Self::G12 => "G12",
            Self::G13 => "G13",
            Self::G14 => "G14",
            Self::G15 => "G15",
            Self::G16 => "G16",
            Self::G17 => "G17",
            Self::G18 => "G18",
            Self::G19 => "G19",
        }
    }

    /// What it is, in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::G1 => "largest order",
            Self::G2 => "price collar",
            Self::G3 => "exposure, reduce-only",
            Self::G4 => "duplicate order",
            Self::G5 => "message throttle",
            Self::G6 => "policy thrash",
            Self::G7 => "ratchet",
            Self::G8 => "kill switch",
            Self::G9 => "wash trade",
            Self::G10 => "protection outlives a disconnect",
            Self::G11 => "restricted list, session",
            Self::G12 => "authorized persons",
            Self::G13 => "arming",
            Self::G14 => "self-test",
            Self::G15 => "largest loss of a trade",
            Self::G16 => "smallest distance",
            Self::G17 => "stale or crossed price",
            Self::G18 => "unsettled leg",
            Self::G19 => "closes by a policy",
        }
    }

    /// The guard whose "no" this is; none where the refusal is no guard's.
    pub fn of(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::MaxQuantity | Refusal::MaxNotional => Some(Self::G1),
            Refusal::Collar => Some(Self::G2),
            Refusal::MaxExposure => Some(Self::G3),
            Refusal::Duplicate => Some(Self::G4),
            Refusal::TooOften => Some(Self::G6),
            Refusal::Loosens | Refusal::Recedes | Refusal::VerbNotAllowed => Some(Self::G7),
            Refusal::Killed => Some(Self::G8),
            Refusal::Disarmed => Some(Self::G13),
            Refusal::WashTrade => Some(Self::G9),
            Refusal::Restricted | Refusal::SessionClosed | Refusal::SymbolLocked => Some(Self::G11),
            Refusal::NotOwner => Some(Self::G12),
            Refusal::MaxLoss => Some(Self::G15),
            Refusal::TooClose => Some(Self::G16),
            Refusal::StalePrice | Refusal::NoReferencePrice => Some(Self::G17),
            Refusal::Unsettled => Some(Self::G18),
            Refusal::TooManyCloses => Some(Self::G19),
            Refusal::UnknownAccount
            | Refusal::UnknownTransaction
            | Refusal::UnknownInstrument
            | Refusal::UnknownPolicy
            | Refusal::PolicyFrozen
            | Refusal::AlreadyEnded
            | Refusal::NotWaiting
            | Refusal::NotOpened
            | Refusal::Busy
            | Refusal::NotUnknown
            | Refusal::NoEvidence
            | Refusal::NoReason
            | Refusal::NothingToAdopt
            | Refusal::VersionConflict
            | Refusal::Locked
            | Refusal::NotReady
            | Refusal::DiskFull
            | Refusal::BadQuantity
            | Refusal::WouldNet
            | Refusal::StopWrongSide
            | Refusal::TargetWrongSide
            | Refusal::StopBeyondTarget
            | Refusal::OffTick
            | Refusal::BadTerms
            | Refusal::RungTooSmall
            | Refusal::LedgerFailed => None,
        }
    }

    /// The refusals that are its own, in order of precedence.
    pub fn refusals(self) -> impl Iterator<Item = Refusal> {
        Refusal::ALL.into_iter().filter(move |refusal| Self::of(*refusal) == Some(self))
    }

    /// The guard of that id, in any case.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|guard| guard.id().eq_ignore_ascii_case(id))
    }
}
