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
    /// The policy is frozen for every transaction: it would give no stop.
    PolicyFrozen,
    /// The kill switch of the account or the daemon does not let it through.
    Killed,
    /// The account is disarmed: nothing would be sent.
    Disarmed,
    /// The disk is full, or has no room for the ballast: what is left of it is for protecting and
    /// leaving what is held.
    DiskFull,
    /// The transaction belongs to another book.
    NotOwner,
    /// The policy's configuration does not allow this verb.
    VerbNotAllowed,
    /// The account may not open this instrument (G11).
    Restricted,
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
    /// The command to be resolved is not one whose outcome is unknown.
    NotUnknown,
    /// A person who settles something has to say what was seen.
    NoEvidence,
    /// There is nothing at the account that could be adopted like this.
    NothingToAdopt,
    /// Somebody changed it since.
    VersionConflict,
    /// The outcome of a command of the transaction is unknown (G18).
    Unsettled,
    /// The policy closed too many transactions within a minute (G19).
    TooManyCloses,
    /// A person has locked the leg.
    Locked,
    /// The account is not connected, or its instrument's rules are not read yet.
    NotReady,
    /// The instrument's session is closed (G11).
    SessionClosed,
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
    /// The target would be moved away from the market, and its account forbids that (G7).
    Recedes,
    /// The price is too far from the market.
    Collar,
    /// The price is too near to the market (G16).
    TooClose,
    /// Policies moved the transaction's stop too often within a minute (G6).
    TooOften,
    /// An equal entry was made a moment ago (G4).
    Duplicate,
    /// The order is of more units than one may be (G1).
    MaxQuantity,
    /// The order is of more money than one may be (G1).
    MaxNotional,
    /// The account would hold too much (G3).
    MaxExposure,
    /// The transaction could lose too much (G15).
    MaxLoss,
    /// Own orders on the other side of the instrument rest (G9).
    WashTrade,
    /// The instrument is locked for some time: nothing of it is opened or grown (G11).
    SymbolLocked,
    /// The terms of a trail or of a time limit cannot be meant.
    BadTerms,
    /// A rung of a ladder, or what its rungs leave over, would be less than can be traded.
    RungTooSmall,
    /// The ledger could not be written; nothing was done and nothing was sent.
    LedgerFailed,
}

impl Refusal {
    /// All of them, in order of precedence.
    pub const ALL: [Self; 48] = [
        Self::UnknownAccount,
        Self::UnknownTransaction,
        Self::UnknownInstrument,
        Self::UnknownPolicy,
        Self::PolicyFrozen,
        Self::Killed,
        Self::Disarmed,
        Self::DiskFull,
        Self::NotOwner,
        Self::VerbNotAllowed,
        Self::Restricted,
        Self::NoReason,
        Self::AlreadyEnded,
        Self::NotWaiting,
        Self::NotOpened,
        Self::Busy,
        Self::NotUnknown,
        Self::NoEvidence,
        Self::NothingToAdopt,
        Self::VersionConflict,
        Self::Unsettled,
        Self::TooManyCloses,
        Self::Locked,
        Self::NotReady,
        Self::SessionClosed,
        Self::NoReferencePrice,
        Self::StalePrice,
        Self::BadQuantity,
        Self::WouldNet,
        Self::StopWrongSide,
        Self::TargetWrongSide,
        Self::StopBeyondTarget,
        Self::OffTick,
        Self::Loosens,
        Self::Recedes,
        Self::Collar,
        Self::TooClose,
        Self::TooOften,
        Self::Duplicate,
        Self::MaxQuantity,
        Self::MaxNotional,
        Self::MaxExposure,
        Self::MaxLoss,
        Self::WashTrade,
        Self::SymbolLocked,
        Self::BadTerms,
        Self::RungTooSmall,
        Self::LedgerFailed,
    ];

    /// Its code, as facts, HTTP and scripts read it.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownAccount => "UNKNOWN_ACCOUNT",
            Self::UnknownTransaction => "UNKNOWN_TRANSACTION",
            Self::UnknownInstrument => "UNKNOWN_INSTRUMENT",
            Self::UnknownPolicy => "UNKNOWN_POLICY",
            Self::PolicyFrozen => "POLICY_FROZEN",
            Self::Killed => "KILLED",
            Self::Disarmed => "DISARMED",
            Self::DiskFull => "DISK_FULL",
            Self::NotOwner => "NOT_OWNER",
            Self::VerbNotAllowed => "VERB_NOT_ALLOWED",
            Self::Restricted => "RESTRICTED",
            Self::NoReason => "NO_REASON",
            Self::AlreadyEnded => "ALREADY_ENDED",
            Self::NotWaiting => "NOT_WAITING",
            Self::NotOpened => "NOT_OPENED",
            Self::Busy => "BUSY",
            Self::NotUnknown => "NOT_UNKNOWN",
            Self::NoEvidence => "NO_EVIDENCE",
            Self::NothingToAdopt => "NOTHING_TO_ADOPT",
            Self::VersionConflict => "VERSION_CONFLICT",
            Self::Unsettled => "UNSETTLED",
            Self::TooManyCloses => "TOO_MANY_CLOSES",
            Self::Locked => "LOCKED",
            Self::NotReady => "NOT_READY",
            Self::SessionClosed => "SESSION_CLOSED",
            Self::NoReferencePrice => "NO_REFERENCE_PRICE",
            Self::StalePrice => "STALE_PRICE",
            Self::BadQuantity => "BAD_QUANTITY",
            Self::WouldNet => "WOULD_NET",
            Self::StopWrongSide => "STOP_WRONG_SIDE",
            Self::TargetWrongSide => "TARGET_WRONG_SIDE",
            Self::StopBeyondTarget => "STOP_BEYOND_TARGET",
            Self::OffTick => "OFF_TICK",
            Self::Loosens => "LOOSENS",
            Self::Recedes => "RECEDES",
            Self::Collar => "COLLAR",
            Self::TooClose => "TOO_CLOSE",
            Self::TooOften => "TOO_OFTEN",
            Self::Duplicate => "DUPLICATE",
            Self::MaxQuantity => "MAX_QUANTITY",
            Self::MaxNotional => "MAX_NOTIONAL",
            Self::MaxExposure => "MAX_EXPOSURE",
            Self::MaxLoss => "MAX_LOSS",
            Self::WashTrade => "WASH_TRADE",
            Self::SymbolLocked => "SYMBOL_LOCKED",
            Self::BadTerms => "BAD_TERMS",
            Self::RungTooSmall => "RUNG_TOO_SMALL",
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
            | Self::NothingToAdopt
            | Self::NotOpened
            | Self::LedgerFailed
            | Self::Unsettled
            | Self::SessionClosed
            | Self::TooClose
            | Self::TooOften
            | Self::MaxExposure
            | Self::WashTrade
            | Self::SymbolLocked
            | Self::Killed
            | Self::Disarmed
            | Self::DiskFull => true,
            Self::UnknownAccount
            | Self::UnknownTransaction
            | Self::UnknownInstrument
            | Self::UnknownPolicy
            | Self::PolicyFrozen
            | Self::NotOwner
            | Self::VerbNotAllowed
            | Self::AlreadyEnded
            | Self::NotWaiting
            | Self::NotUnknown
            | Self::NoEvidence
            | Self::BadQuantity
            | Self::StopBeyondTarget
            | Self::OffTick
            | Self::Loosens
            | Self::Restricted
            | Self::TooManyCloses
            | Self::Recedes
            // It could be accepted later, and just that must not be tried by itself.
            | Self::Duplicate
            | Self::MaxQuantity
            | Self::MaxNotional
            | Self::MaxLoss
            | Self::BadTerms
            | Self::RungTooSmall
            | Self::NoReason => false,
        }
    }
}
