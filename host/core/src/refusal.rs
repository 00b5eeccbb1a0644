//! Every "no" of the gate, by name, in the order in which the gate asks.
//!
//! Apart so that adding one breaks the build until it has a code and an answer to whether trying
//! again could help. The order of the list is the order of precedence.

/// Why a request was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// There is no such account.
    UnknownAccount,
    /// There is no such transaction.
    UnknownTransaction,
    /// The broker knows no such instrument.
    UnknownInstrument,
    /// There is no such policy.
    UnknownPolicy,
    /// The kill switch of the account or the daemon does not let it through.
    Killed,
    /// The account is disarmed: nothing would be sent.
    Disarmed,
    /// The transaction belongs to another book.
    NotOwner,
    /// The policy's configuration does not allow this verb.
    VerbNotAllowed,
    /// An act that is audited needs a reason.
    NoReason,
    /// The transaction has ended.
    AlreadyEnded,
    /// Only a WAITING transaction has an entry to cancel.
    NotWaiting,
    /// Only an OPENED transaction can be closed or resized.
    NotOpened,
    /// A close or resize is under way.
    Busy,
    /// Somebody changed it since.
    VersionConflict,
    /// A person has locked the leg.
    Locked,
    /// The account is not connected, or its instrument's rules are not read yet.
    NotReady,
    /// There is no market price to check against.
    NoReferencePrice,
    /// The market price is too old to check against.
    StalePrice,
    /// The quantity is zero, off its step, or out of the instrument's bounds.
    BadQuantity,
    /// The opposite side is held, and the account would net the two.
    WouldNet,
    /// The stop is not on the losing side of the planned entry or the market.
    StopWrongSide,
    /// The target is not on the gaining side of the planned entry or the market.
    TargetWrongSide,
    /// The stop is not on the losing side of the target.
    StopBeyondTarget,
    /// The price is not on a tick.
    OffTick,
    /// The stop would be loosened, and its account forbids that.
    Loosens,
    /// The price is too far from the market.
    Collar,
    /// The ledger could not be written; nothing was done and nothing was sent.
    LedgerFailed,
}

impl Refusal {
    /// All of them, in order of precedence.
    pub const ALL: [Self; 27] = [
        Self::UnknownAccount,
        Self::UnknownTransaction,
        Self::UnknownInstrument,
        Self::UnknownPolicy,
        Self::Killed,
        Self::Disarmed,
        Self::NotOwner,
        Self::VerbNotAllowed,
        Self::NoReason,
        Self::AlreadyEnded,
        Self::NotWaiting,
        Self::NotOpened,
        Self::Busy,
        Self::VersionConflict,
        Self::Locked,
        Self::NotReady,
        Self::NoReferencePrice,
        Self::StalePrice,
        Self::BadQuantity,
        Self::WouldNet,
        Self::StopWrongSide,
        Self::TargetWrongSide,
        Self::StopBeyondTarget,
        Self::OffTick,
        Self::Loosens,
        Self::Collar,
        Self::LedgerFailed,
    ];

    /// Its code, as facts, HTTP and scripts read it.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownAccount => "UNKNOWN_ACCOUNT",
            Self::UnknownTransaction => "UNKNOWN_TRANSACTION",
            Self::UnknownInstrument => "UNKNOWN_INSTRUMENT",
            Self::UnknownPolicy => "UNKNOWN_POLICY",
            Self::Killed => "KILLED",
            Self::Disarmed => "DISARMED",
            Self::NotOwner => "NOT_OWNER",
            Self::VerbNotAllowed => "VERB_NOT_ALLOWED",
            Self::NoReason => "NO_REASON",
            Self::AlreadyEnded => "ALREADY_ENDED",
            Self::NotWaiting => "NOT_WAITING",
            Self::NotOpened => "NOT_OPENED",
            Self::Busy => "BUSY",
            Self::VersionConflict => "VERSION_CONFLICT",
            Self::Locked => "LOCKED",
            Self::NotReady => "NOT_READY",
            Self::NoReferencePrice => "NO_REFERENCE_PRICE",
            Self::StalePrice => "STALE_PRICE",
            Self::BadQuantity => "BAD_QUANTITY",
            Self::WouldNet => "WOULD_NET",
            Self::StopWrongSide => "STOP_WRONG_SIDE",
            Self::TargetWrongSide => "TARGET_WRONG_SIDE",
            Self::StopBeyondTarget => "STOP_BEYOND_TARGET",
            Self::OffTick => "OFF_TICK",
            Self::Loosens => "LOOSENS",
            Self::Collar => "COLLAR",
            Self::LedgerFailed => "LEDGER_FAILED",
        }
    }

    /// Whether the same request could be accepted later.
    pub fn retryable(self) -> bool {
        match self {
            Self::Busy
            | Self::VersionConflict
            | Self::Locked
            | Self::NotReady
            | Self::NoReferencePrice
            | Self::StalePrice
            | Self::StopWrongSide
            | Self::TargetWrongSide
            | Self::Collar
            | Self::WouldNet
            | Self::NotOpened
            | Self::LedgerFailed
            | Self::Killed
            | Self::Disarmed => true,
            Self::UnknownAccount
            | Self::UnknownTransaction
            | Self::UnknownInstrument
            | Self::UnknownPolicy
            | Self::NotOwner
            | Self::VerbNotAllowed
            | Self::AlreadyEnded
            | Self::NotWaiting
            | Self::BadQuantity
            | Self::StopBeyondTarget
            | Self::OffTick
            | Self::Loosens
            | Self::NoReason => false,
        }
    }
}
