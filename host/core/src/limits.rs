//! Every bound of the core with its reason. Apart so that two bounds that must agree stand side by
//! side; nothing here may be changed at run time.

/// Slices of one transaction. A fifth partial fill replaces the youngest by a larger one: more
/// exits would cost the message budget more than they protect.
pub const SLICES_MAX: usize = 4;

/// Partial fills that close to each other share a slice.
pub const GATHER_MS: u64 = 250;

/// An entry that was not sent within this is dropped as stale: its price was for another moment.
pub const ENTRY_AGE_MS_MAX: u64 = 30_000;

/// First pause after a rejected protection; doubles up to [`RETRY_MS_MAX`].
pub const RETRY_MS_MIN: u64 = 1_000;

/// Longest pause between two attempts at a rejected protection.
pub const RETRY_MS_MAX: u64 = 30_000;

/// How long after the opening of a session what waited for it may take to work.
pub const OPENING_MS: u64 = 30_000;

/// How long after its turn a session is read again, and how long after an account could act again those
/// of its instruments may take to be read.
pub const SESSION_READ_MS: u64 = 60_000;

/// Pause before what was not sent goes out again. From the fifth time on it doubles, up to
/// [`AGAIN_MS_MAX`]: what the broker puts off on and on must not use up the messages of the others.
pub const AGAIN_MS_MIN: u64 = 250;

/// Longest pause before what was not sent goes out again, where the account names no longer one.
pub const AGAIN_MS_MAX: u64 = 4_000;

/// The same while what is held has no stop.
pub const AGAIN_EXPOSED_MS_MAX: u64 = 1_000;

/// First pause between two look-ups of an unknown outcome; doubles up to [`LOOKUP_MS_MAX`].
pub const LOOKUP_MS_MIN: u64 = 250;

/// Longest pause between two look-ups of an unknown outcome.
pub const LOOKUP_MS_MAX: u64 = 30_000;

/// A broker ends or shrinks the sibling of a linked exit by itself; the core waits so long before
/// it does that.
pub const SIBLING_GRACE_MS: u64 = 1_000;

/// Pause of the host after a broker took its close for a wash trade. Entries of ours are asked to go
/// before it, so somebody else's order rests; each try takes the stop away for seconds.
pub const WASH_RETRY_MS: u64 = 300_000;

/// How old a write must be before a look-up that finds nothing says anything: it may still be on
/// its way, or not listed yet.
pub const SETTLE_MS: u64 = 5_000;

/// Look-ups of a write that is old enough, all finding nothing, that prove that it did not arrive.
pub const ABSENT_LOOKUPS: u32 = 2;

/// Pause between the first of these and the next.
pub const RECHECK_MS: u64 = 1_000;

/// An outcome that is unknown for so long is brought before a person.
pub const ESCALATE_MS: u64 = 60_000;

/// A row that was handed to its account and has had no answer for so long is told to people: no
/// call takes longer than a few seconds. A stop move may wait for its turn in a small message budget
/// and come after all, so nothing else follows from it.
pub const NO_ANSWER_MS: u64 = 60_000;

/// A cancel or change that the broker has not confirmed for so long is stuck: people are told, and
/// the order still counts as live (Alpaca-API issues 111 and 199: hours in `pending_cancel`).
pub const STUCK_MS: u64 = 30_000;

/// Ended orders without any fill that a transaction keeps, the newest ones: a trailed stop leaves
/// one behind at every move.
pub const ENDED_ORDERS_KEPT: usize = 16;

/// How long held quantity may be without its wanted stop before that is Unprotected, unless the
/// account says otherwise.
pub const PROTECTION_DEADLINE_MS: u64 = 3_000;

/// A quote older than this is not checked against.
pub const QUOTE_AGE_MS_MAX: u64 = 15_000;

/// An entry equal to one made within this is refused unless it is said to be meant, unless the
/// account says otherwise.
pub const DUPLICATE_WINDOW_MS: u64 = 1_000;

/// Stop moves by policies that one transaction may see in a minute, unless the account says
/// otherwise: one a second is what a message budget of 200 a minute leaves for three of them.
pub const STOP_MOVES_PER_MINUTE: u32 = 60;

/// Transactions that one policy may close in a minute, unless the account says otherwise: a bad
/// script must not liquidate the book.
pub const CLOSES_PER_MINUTE: u32 = 5;

/// Instruments of one account that may be locked at a time: they are written whole with each change.
pub const SYMBOLS_LOCKED_MAX: usize = 1_000;

const _: () = assert!(RETRY_MS_MIN <= RETRY_MS_MAX && LOOKUP_MS_MIN <= LOOKUP_MS_MAX);
const _: () = assert!(SETTLE_MS < ESCALATE_MS && RECHECK_MS < ESCALATE_MS);
const _: () = assert!(GATHER_MS < PROTECTION_DEADLINE_MS);
