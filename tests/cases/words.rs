//! The words of the terminal: what can be asked for, and what can happen.
//!
//! Apart from the terminal, which only plays and compares.

use bracketd_core::Decimal;
use bracketd_core::broker::{BrokerEvent, Fault, History, Picture, Session};
use bracketd_core::command::{Answer, Call, Change, Command};
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{GuardWish, Intent, Open, Wish};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, Leg, OrderKind, Role, Side, TimeInForce};
use bracketd_core::transaction::{EntryKind, OnPartial};
use bracketd_exchange::book::{NewOrder as Theirs, OrderId, Replace, Side as TheirSide};
use bracketd_sim::stage::{ACCOUNT, Fate};

use crate::terminal::Terminal;

pub(crate) fn decimal(word: &str) -> Decimal {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"))
}

pub(crate) fn price(word: &str) -> Price {
    Price::new(decimal(word)).unwrap_or_else(|| panic!("{word} is no price"))
}

pub(crate) fn quantity(word: &str) -> Quantity {
    Quantity::new(decimal(word)).unwrap_or_else(|| panic!("{word} is no quantity"))
}

/// `#2`
pub(crate) fn number(word: &str) -> TransactionId {
    let digits = word.trim_start_matches('#');
    TransactionId(digits.parse().unwrap_or_else(|_| panic!("{word:?} is no transaction")))
}

/// `250ms`, `4s`, `10m`, `2h`
fn span_ms(word: &str) -> u64 {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &word[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        unit => panic!("{unit:?} is no unit of time"),
    };
    digits.parse::<u64>().expect("a number before the unit") * unit
}

fn wish(word: &str) -> Wish {
    match word {
        "none" => Wish::Clear,
        "keep" => Wish::Keep,
        word => Wish::Set(price(word)),
    }
}

fn leg(word: &str) -> Leg {
    match word {
        "stop" => Leg::Stop,
        "target" => Leg::Target,
        word => panic!("{word:?} is no leg"),
    }
}

/// What a person or policy asks for.
pub(crate) fn intent(transaction: TransactionId, words: &[&str]) -> Intent {
    let keep = Wish::Keep;
    match *words {
        ["buy", ref more @ ..] => open(Direction::Long, more),
        ["sell", ref more @ ..] => open(Direction::Short, more),
        ["stop", to] => Intent::Protect { transaction, stop: wish(to), target: keep },
        ["target", to] => Intent::Protect { transaction, stop: keep, target: wish(to) },
        ["both", stop, target] => {
            Intent::Protect { transaction, stop: wish(stop), target: wish(target) }
        }
        ["ratchet", to] => Intent::Ratchet { transaction, stop: price(to) },
        ["close"] => Intent::Close { transaction },
        ["hold", to] => Intent::Resize { transaction, quantity: quantity(to) },
        ["cancel"] => Intent::CancelEntry { transaction },
        ["lock", which] => Intent::Lock { transaction, leg: leg(which), locked: true },
        ["unlock", which] => Intent::Lock { transaction, leg: leg(which), locked: false },
        _ => panic!("{words:?} means nothing here"),
    }
}

/// `10 [of TWO] [at 98] [stop 95] [target 110] [guarded] [day] [oco|wait|cancel-rest] [meant]`
fn open(direction: Direction, words: &[&str]) -> Intent {
    let [much, more @ ..] = words else { panic!("how much of it?") };
    let mut open = Open {
        account: ACCOUNT.into(),
        owner: None,
        symbol: "SIM".into(),
        direction,
        quantity: quantity(much),
        entry: EntryKind::Market,
        time_in_force: None,
        stop: None,
        target: None,
        policies: Some(vec!["trail".into()]),
        on_partial: None,
        guard: GuardWish::Plain,
        distinct: false,
    };
    let mut more = more.iter();
    while let Some(word) = more.next() {
        let mut next = || *more.next().expect("a word more");
        match *word {
            "of" => open.symbol = next().into(),
            "at" => open.entry = EntryKind::Limit(price(next())),
            "stop" => open.stop = Some(price(next())),
            "target" => open.target = Some(price(next())),
            "guarded" => open.guard = GuardWish::Native,
            "day" => open.time_in_force = Some(TimeInForce::Day),
            "oco" => open.on_partial = Some(OnPartial::Oco),
            "wait" => open.on_partial = Some(OnPartial::Wait),
            "cancel-rest" => open.on_partial = Some(OnPartial::CancelRest),
            "meant" => open.distinct = true,
            word => panic!("{word:?} means nothing in an entry"),
        }
    }
    Intent::Open(Box::new(open))
}

/// What the market, the broker or the daemon does; whether the words mean such a thing.
pub(crate) fn happens(terminal: &mut Terminal, words: &[&str]) -> bool {
    let stage = &mut terminal.stage;
    match *words {
        ["price", bid] => drop(stage.price("SIM", bid)),
        ["price", symbol, bid] => drop(stage.price(symbol, bid)),
        ["unseen", "price", bid] => drop(stage.silent_price("SIM", bid)),
        ["liquidity", "none"] => drop(stage.liquidity("SIM", None)),
        ["liquidity", units] => drop(stage.liquidity("SIM", units.parse().ok())),
        ["wait", span] => drop(stage.wait_ms(span_ms(span))),
        ["live", span] => drop(stage.live_ms(span_ms(span))),
        ["poll"] => drop(stage.poll()),
        ["picture"] => drop(stage.picture()),
        ["broken", "picture"] => {
            let (orders, fills, positions) = (Vec::new(), Vec::new(), Vec::new());
            let (balance, complete, as_of) = (None, false, stage.broker.now);
            let nothing = Picture {
                orders,
                fills,
                positions,
                balance,
                complete,
                as_of,
                history: History::Whole,
            };
            stage.hear(BrokerEvent::Picture(nothing)).wait_ms(0);
        }
        ["restart"] => stage.restart(),
        ["down"] => {
            stage.hear(BrokerEvent::Down(Fault::new("DNS", "no such host"))).wait_ms(0);
        }
        ["up"] => {
            let info = stage.broker.caps.info();
            stage.hear(BrokerEvent::Up(info)).wait_ms(0);
        }
        ["session", state] => {
            let session = Session { is_open: state == "open", next_open: None, next_close: None };
            stage.hear(BrokerEvent::Session { symbol: "SIM".into(), session }).wait_ms(0);
        }
        ["cancels", "take", span] => stage.broker.cancel_ms = span_ms(span),
        ["next", ref fates @ ..] => drop(stage.fates(fates.iter().map(|word| fate(word)))),
        ["hold", "commands"] => drop(stage.hold_commands(true)),
        ["let", "commands", "go"] => drop(stage.hold_commands(false)),
        ["hold", "reads"] => drop(stage.hold_reads(true)),
        ["let", "reads", "go"] => drop(stage.hold_reads(false)),
        ["arrives"] => assert!(stage.arrive().is_some(), "nothing is late"),
        ["broker", "ends", role] => {
            let id = live(terminal, role);
            terminal.stage.broker.end(id);
        }
        ["somebody", "moves", role, "to", to] => {
            let (id, to) = (live(terminal, role), decimal(to));
            let change =
                if role == "stop" { Replace::stop_price(to) } else { Replace::limit_price(to) };
            terminal.stage.broker.somebody_moves(id, &change);
        }
        ["somebody", side @ ("buys" | "sells"), much] => foreign(terminal, side, much, None),
        ["somebody", side @ ("buys" | "sells"), much, "stop", at] => {
            foreign(terminal, side, much, Some(at));
        }
        _ => return false,
    }
    true
}

fn fate(word: &str) -> Fate {
    let no = |code: &str| Box::new(Answer::Rejected(Fault::new(code, "says the broker")));
    match word {
        "answered" => Fate::Answered,
        "lost" => Fate::Lost,
        "unheard" => Fate::Unheard,
        "late" => Fate::Late,
        "not-sent" => Fate::NotSent,
        code if code.starts_with("done-but-") => Fate::Says(no(&code["done-but-".len()..]), true),
        code if code == code.to_uppercase() => Fate::Says(no(code), false),
        word => panic!("{word:?} is no fate"),
    }
}

/// The oldest live order of ours in that role.
pub(crate) fn live(terminal: &Terminal, role: &str) -> OrderId {
    let broker = &terminal.stage.broker;
    let of_role = |id: &OrderId| broker.made.get(id).is_some_and(|made| made.role == role_of(role));
    let found = broker.live().map(|order| order.id).find(of_role);
    found.unwrap_or_else(|| panic!("no {role} lives"))
}

pub(crate) fn role_of(word: &str) -> Role {
    match word {
        "entry" => Role::Entry,
        "close" => Role::Close,
        "stop" => Role::Stop,
        "target" => Role::Target,
        word => panic!("{word:?} is no role"),
    }
}

fn foreign(terminal: &mut Terminal, side: &str, much: &str, stop: Option<&str>) {
    let side = if side == "buys" { TheirSide::Buy } else { TheirSide::Sell };
    let order = match stop {
        Some(at) => Theirs::stop("SIM", side, decimal(much), decimal(at)),
        None => Theirs::market("SIM", side, decimal(much)),
    };
    let taken = terminal.stage.broker.foreign(&order);
    assert!(taken.is_some(), "the broker does not take it");
}

/// A command in a few words.
pub(crate) fn command_words(command: &Command) -> String {
    let change = |change: &Change| match change {
        Change::Keep => "keep".to_owned(),
        Change::Clear => "clear".to_owned(),
        Change::Set(price) => price.to_string(),
    };
    match &command.call {
        Call::Submit(new) => {
            let side = if new.side == Side::Buy { "buy" } else { "sell" };
            let at = match (new.kind, new.limit) {
                (OrderKind::Limit, Some(limit)) => limit.to_string(),
                _ => "market".to_owned(),
            };
            let carried = [("stop", new.stop_loss), ("target", new.take_profit)];
            let carried: String = carried
                .iter()
                .filter_map(|(name, price)| Some(format!(" {name} {}", (*price)?)))
                .collect();
            format!("{side} {} at {at}{carried}", new.quantity)
        }
        Call::Cancel { .. } => "cancel".to_owned(),
        Call::Adjust { bracket, stop, target } => {
            let (stop, target) = (change(stop), change(target));
            format!("exits of {}: stop {stop}, target {target}", bracket.protect)
        }
    }
}
