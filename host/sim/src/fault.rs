//! What can go wrong, and how often each of it does in one history.
//!
//! Apart because a history is decided by these numbers and its seed alone: leaving one fault out
//! makes a smaller history, not another one. Each fault draws from a stream of its own.

use bracketd_exchange::Rng;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $chaos:literal;)+) => {
        /// Something that goes wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name on the command line.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// Its highest rate in thousandths of its occasions.
            fn rate_max(self) -> u64 {
                match self {
                    $(Self::$name => $chaos,)+
                }
            }
        }
    };
}

faults! {
    /// A command never arrives, and nobody knows.
    Lost = "lost", 300;
    /// A command takes effect, and its answer is lost.
    Unheard = "unheard", 300;
    /// A command takes effect long after its timeout.
    Late = "late", 150;
    /// The broker says no, and did it.
    ErrorButDone = "error-but-done", 80;
    /// The plugin dies within a call; what left is not known.
    Trap = "trap", 120;
    /// The broker refuses for the moment: too many requests, an error of its own.
    Refused = "refused", 250;
    /// The account has no room for a command.
    QueueFull = "queue-full", 150;
    /// An answer or an event comes twice.
    Duplicated = "duplicated", 200;
    /// An event comes after later ones.
    Reordered = "reordered", 200;
    /// An event never comes.
    Missing = "missing", 150;
    /// A read shows what was so some time ago.
    Stale = "stale", 300;
    /// A read fails, or shows a part.
    Partial = "partial", 300;
    /// The account cannot be reached for a while.
    Maintenance = "maintenance", 15;
    /// Little trades at each price.
    Thin = "thin", 250;
    /// Cancels take their time, and fills overtake them.
    SlowCancel = "slow-cancel", 500;
    /// A cancel hangs.
    StuckCancel = "stuck-cancel", 150;
    /// The broker ends an order of ours by itself.
    ExternalCancel = "external-cancel", 40;
    /// A person sells at the broker what we hold.
    ManualClose = "manual-close", 12;
    /// Somebody else's orders rest at the account.
    Foreign = "foreign", 30;
    /// The price jumps.
    Gap = "gap", 40;
    /// A symbol does not trade for a while.
    Halt = "halt", 15;
    /// Prices stop coming, or come old.
    StaleQuote = "stale-quote", 100;
    /// A policy fails at each run.
    PolicyError = "policy-error", 300;
    /// A policy asks for nonsense, or changes its mind at each price.
    PolicyNonsense = "policy-nonsense", 400;
    /// A policy never comes to an end.
    PolicySlow = "policy-slow", 200;
    /// Policies are written anew, broken or deleted.
    Reload = "reload", 30;
    /// The daemon dies.
    Crash = "crash", 25;
    /// The ledger cannot be written for a while.
    CommitFails = "commit-fails", 30;
    /// A crash tears the commit that was being written.
    TornLog = "torn-log", 1000;
    /// The daemon stands still for a while.
    Pause = "pause", 12;
    /// The clock is set.
    ClockJump = "clock-jump", 12;
    /// The account is disarmed for a while.
    Disarm = "disarm", 12;
    /// The kill switch is thrown for a while.
    Kill = "kill", 12;
    /// The broker forgets orders that ended without a fill, after a while (Binance archives them).
    Forgotten = "forgotten", 1000;
    /// A picture's past is longer than one read may take.
    CutHistory = "cut-history", 300;
}

impl Fault {
    /// The fault of that name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.word() == word)
    }

    fn place(self) -> usize {
        self as usize
    }
}

const COUNT: usize = Fault::ALL.len();
/// One in so many histories has no faults at all.
const CALM_EVERY: u64 = 16;

/// The faults of one history: their rates, and a stream of chance for each.
#[derive(Clone, Debug)]
pub struct Faults {
    per_mille: [u64; COUNT],
    streams: Vec<Rng>,
    healed: bool,
}

impl Faults {
    /// Draws which faults exist and how often they happen; `without` leaves some out.
    pub fn drawn(seed: u64, without: &[Fault]) -> Self {
        let mut rng = Rng::new(seed ^ 0x5157_4152_4d00);
        let is_calm = rng.below(CALM_EVERY) == 0;
        // Few faults at a time show more than all at once.
        let density = 1 + rng.below(4);
        let mut per_mille = [0; COUNT];
        for fault in Fault::ALL {
            let exists = rng.below(8) < density;
            let rate = 1 + rng.below(fault.rate_max());
            if exists && !is_calm && !without.contains(fault) {
                per_mille[fault.place()] = rate;
            }
        }
        let streams = Fault::ALL
            .iter()
            .map(|fault| Rng::new(seed ^ (0xFA01_7000 + fault.place() as u64) << 20));
        Self { per_mille, streams: streams.collect(), healed: false }
    }

    /// Whether the fault exists in this history.
    pub fn exists(&self, fault: Fault) -> bool {
        self.per_mille[fault.place()] > 0
    }

    /// Whether none does.
    pub fn is_calm(&self) -> bool {
        self.per_mille.iter().all(|rate| *rate == 0)
    }

    /// Those that exist.
    pub fn existing(&self) -> impl Iterator<Item = Fault> + '_ {
        Fault::ALL.iter().copied().filter(|fault| self.exists(*fault))
    }

    /// From now on nothing goes wrong.
    pub fn heal(&mut self) {
        self.healed = true;
    }

    /// Whether it happens this time.
    pub fn strikes(&mut self, fault: Fault) -> bool {
        let rate = self.per_mille[fault.place()];
        rate > 0 && !self.healed && self.streams[fault.place()].below(1_000) < rate
    }

    /// A number below `bound` from the fault's own stream.
    pub fn below(&mut self, fault: Fault, bound: u64) -> u64 {
        self.streams[fault.place()].below(bound)
    }
}
