//! Why there is such a guard, how it counts, and what to do when it says no.
//!
//! Apart because these are words for people at 3 a.m. Each names the rule or the real failure that
//! it comes from: SEC 15c3-5 is the market access rule, FIA the industry's automated trading
//! guide of 2024, "case" a numbered failure of the platform that this project learned from.

use bracketd_core::guard::Guard;
use bracketd_core::refusal::Refusal;

use super::WIRE;

/// A guard in words.
#[derive(Clone, Copy, Debug)]
pub struct Explained {
    /// The guard.
    pub guard: Guard,
    /// What it protects from, with where that happened.
    pub protects: &'static str,
    /// How it is computed.
    pub computed: &'static str,
    /// Its keys in the configuration.
    pub keys: &'static [&'static str],
    /// What to do when it says no.
    pub next: &'static str,
}

/// The guard of that number, or whose refusal that is, in any case.
pub fn explained(what: &str) -> Option<&'static Explained> {
    let by_code = |refusal: &Refusal| refusal.code().eq_ignore_ascii_case(what);
    let guard = Guard::parse(what)
        .or_else(|| Refusal::ALL.into_iter().find(by_code).and_then(Guard::of))
        .or_else(|| what.eq_ignore_ascii_case(WIRE).then_some(Guard::G3))?;
    explain(guard)
}

/// The guard in words.
pub fn explain(guard: Guard) -> Option<&'static Explained> {
    ALL.iter().find(|one| one.guard == guard)
}

/// Every guard by number.
pub const ALL: [Explained; 19] = [
    Explained {
        guard: Guard::G1,
        protects: "An order a hundred times too large: a finger, a unit, a script. SEC 15c3-5(c)(1) and \
             FIA ask for a limit on every single order.",
        computed: "Quantity, and price times quantity times multiplier, of each entry and of what a \
             growth adds. A limit entry counts at its limit, a market one at the ask (short: the \
             bid). A symbol's own limit takes the place of the account's.",
        keys: &[
            "max_order_quantity",
            "max_order_notional",
            "symbol.NAME.max_order_quantity",
            "symbol.NAME.max_order_notional",
        ],
        next: "Split the order, or raise the limit and start the daemon again.",
    },
    Explained {
        guard: Guard::G2,
        protects: "A price with a digit too many or from another instrument (SEC 15c3-5, FIA: price \
             tolerance).",
        computed: "The distance of an entry's limit from the market (the last known price where there \
             is no newer one), and of a new stop or target from the price that it is checked against \
             (the market, also where it has reached the limit of a new entry; else the planned entry \
             while WAITING), in percent of that price.",
        keys: &["collar"],
        next: "Check the price; widen the collar if it is meant.",
    },
    Explained {
        guard: Guard::G3,
        protects: "More at risk than the account can carry, and orders that open or flip a position \
             where they should end one. Exits that summed to more than was held are cases 15, 17, \
             27 and 39.",
        computed: "max_exposure: what is held at its mark, what rests as entries and what the order \
             adds, in the account's currency; nothing is converted, and positions that are not \
             ours do not count. Reduce-only cannot be set: right before a command leaves, other \
             code than that which computed it adds up what is held and what already rests. What \
             would oversell is dropped (WIRE), told, and locks the transaction's legs.",
        keys: &["max_exposure"],
        next: "MAX_EXPOSURE: close or cancel something first. WIRE: that is a mistake of bracketd; \
             look at `bracketd tx show ID`, unlock the legs, and report it.",
    },
    Explained {
        guard: Guard::G4,
        protects: "The same order twice: a double click, a client that retries. The platform that this \
             project learned from bought one target three times (case 40) and sent one tier six \
             times (case 39).",
        computed: "Account, symbol, direction, quantity and kind with its limit equal to those of a \
             transaction made within the window; stop, target and policies do not matter. It is \
             answered from the ledger, so a restart does not forget.",
        keys: &["duplicate_window"],
        next: "Look at the transaction that is named. If a second one is meant: `--distinct`, or \
             \"distinct\": true.",
    },
    Explained {
        guard: Guard::G5,
        protects: "A broker that stops listening because of too many messages, just when a stop is due \
             (SEC 15c3-5, FIA: message throttles).",
        computed: "A budget for each account in which what protects goes first.",
        keys: &[],
        next: "Nothing: what waits is sent in order of urgency.",
    },
    Explained {
        guard: Guard::G6,
        protects: "A script that moves a stop at every price: it eats the message budget that other \
             stops need (FIA: repeated automated execution throttle).",
        computed: "Stop moves by policies that were accepted for one transaction within the last \
             minute of event time; people are not counted. A step under min_step is UNCHANGED: \
             the stop moves with a larger one.",
        keys: &["stop_moves_per_minute", "min_step"],
        next: "It ends by itself. Give the policy a larger step, or set min_step.",
    },
    Explained {
        guard: Guard::G7,
        protects: "A rule that loosens the stop it should tighten: a condition that was always true did \
             that to a safeguard stop (case 32).",
        computed: "A policy's new stop farther from the market than the wanted one (LOOSENS), or its \
             new target farther (RECEDES), once something is held. People may. Which verbs a \
             policy has at all is its own list (VERB_NOT_ALLOWED).",
        keys: &["stop_may_loosen", "target_may_recede", "[policy.NAME] verbs"],
        next: "Let a person do it, or allow it for the account.",
    },
    Explained {
        guard: Guard::G8,
        protects: "Everything else: FIA 1.11 asks for one switch that stops new orders and cancels \
             working ones, apart from the program that trades; and losses that go on while nobody \
             looks.",
        computed: "Levels freeze, protect-only, cancel-entries and flatten, of the daemon and of \
             each account, kept across restarts; the higher one holds. A day's loss beyond \
             max_day_loss, or an equity so far below its peak as max_drawdown, throws it to \
             protect-only; what is measured from is in the ledger.",
        keys: &["max_day_loss", "max_drawdown"],
        next: "`bracketd status` says who threw it and why; a person clears it with a reason.",
    },
    Explained {
        guard: Guard::G9,
        protects: "Own orders on both sides: the broker rejects the second one. A stop was rejected \
             because another transaction's entry rested, and the position stood without one for \
             21 hours (case 24); another entry was locked for nine days (case 25).",
        computed: "Where the account lacks protect-beside-open-entry (Alpaca): a close or reduction \
             beside another transaction's plain entry; an entry beside another's stop or target \
             that rests alone, or whose own exits could not rest; a pair broken beside an entry. \
             Linked orders (bracket, OCO, OTO) are exempt.",
        keys: &[],
        next: "Cancel the entry that is named, then try again; or keep both legs wanted.",
    },
    Explained {
        guard: Guard::G10,
        protects: "Cancel-on-disconnect taken for a safety: it takes the stop away when it is needed \
             most.",
        computed: "Exits rest at the broker. Neither a broken connection nor the end of the daemon \
             cancels one.",
        keys: &[],
        next: "Nothing: the stops work without bracketd.",
    },
    Explained {
        guard: Guard::G11,
        protects: "Trading what the desk may not trade, or into a closed market where the fill comes \
             hours later at an unknown price (case 38: 296 rejects in five hours on one symbol).",
        computed: "The lists, for entries and growths. A market entry or growth while the last that was \
             read of the session says closed. What is held can always be protected and closed.",
        keys: &["symbols_allowed", "symbols_denied", "outside_session"],
        next: "Enter at a limit, wait for the session, or change the list.",
    },
    Explained {
        guard: Guard::G12,
        protects: "Changes by somebody who may not: SEC 15c3-5(c)(2), authorized persons.",
        computed: "Every request needs the token of daemon.json, the right Host and Origin; a policy \
             may only touch transactions that it is assigned to, each fill is a fact at once.",
        keys: &["policies"],
        next: "Assign the policy when the transaction is opened.",
    },
    Explained {
        guard: Guard::G13,
        protects: "A program that trades before somebody looked: Knight Capital's old code was live on \
             one of eight servers and lost 460 million dollars (SEC release 34-70694).",
        computed: "A disarmed account is read and shown; no command goes out.",
        keys: &["armed"],
        next: "`bracketd status` shows what is disarmed; arm it when the book is right.",
    },
    Explained {
        guard: Guard::G14,
        protects: "A limit that is configured and does nothing.",
        computed: "For each control one violating order, against a book in memory: alone with its own \
             limit, where the answer must be its own, and with all of them, where it must be \
             stopped. At each start, too: a control that lets its violation through keeps the \
             daemon from starting.",
        keys: &[],
        next: "`bracketd guard test` shows which.",
    },
    Explained {
        guard: Guard::G15,
        protects: "A single trade that loses more than was agreed. FIA: maximum loss limits.",
        computed: "From the entry (average price of what is held; the limit or the ask of what is not) \
             to the stop, times quantity and multiplier. Asked at entries, growths, and changes \
             of the stop that risk more; what risks less always passes. While it is set, every \
             entry needs a stop and no stop can be taken away.",
        keys: &["max_loss_per_trade"],
        next: "Set the stop nearer or trade less.",
    },
    Explained {
        guard: Guard::G16,
        protects: "A stop so near that the spread takes it out. Measured from the entry, such a floor \
             pulled every trailing stop back into a loss (case 31), so it is measured from the \
             market.",
        computed: "The distance of a new stop or target from the price that it is checked against, in \
             ticks or in percent of that price.",
        keys: &["min_distance"],
        next: "Use the nearest allowed price, which the refusal names.",
    },
    Explained {
        guard: Guard::G17,
        protects: "Decisions on a price that is not there any more: SEC 15c3-5 limits are worth what \
             their prices are worth.",
        computed: "The age of the latest price, and whether its bid is above its ask. On an old price a \
             stop may still be brought nearer, as long as it stays on the losing side of that \
             price; a close needs no price.",
        keys: &["stale_price"],
        next: "Is the market open, the account connected? `bracketd status` says.",
    },
    Explained {
        guard: Guard::G18,
        protects: "A script that decides again while nobody knows what its last decision did: the same \
             order was sent over and over (cases 16, 38, 40).",
        computed: "Any command of the transaction whose outcome is unknown. People, and closes by the \
             host, pass.",
        keys: &[],
        next: "It ends when the look-up has settled it: `bracketd tx show ID`.",
    },
    Explained {
        guard: Guard::G19,
        protects: "A script with a wrong condition that closes everything. A read that failed was taken \
             for a flat book, and eight transactions were closed at once (case 20).",
        computed: "Closes by one policy at one account that were accepted within the last minute. The \
             version that asks for one more may not close again until another version of it is \
             loaded or the daemon is started again; its stops go on.",
        keys: &["max_closes_per_minute"],
        next: "Look at what it closed and why: `bracketd activity tail`. Correct it; the new \
             version begins anew. People can close at any time.",
    },
];
