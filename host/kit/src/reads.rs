//! Each read export in each trouble, at each request that it makes.
//!
//! Apart because of one rule: a read that failed is told as failed. An empty answer that was made of
//! an error would say that nothing is held, or that an order never arrived.

use bracketd_account::Word;
use bracketd_core::broker::{BrokerEvent, Found};
use bracketd_core::command::Read;
use bracketd_core::ids::BrokerOrderId;
use bracketd_core::order::Side;
use bracketd_core::time::Timestamp;

use crate::Kit;
use crate::desk::Desk;
use crate::row::{Stop, Tried};
use crate::trouble::{ELSEWHERE, FRONT_DOOR, PAUSE_MS, Trouble, words};
use crate::watch::{Aim, EVERY, Heard, With};

/// Requests of one read that are each met once.
const REQUESTS_MAX: u32 = 6;

/// A read export, and how the host comes to call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    Connect,
    ReadBracket,
    GetOrder,
    GetOrderByBroker,
    GetOrders,
    GetFills,
    GetPositions,
    GetPrices,
    GetBars,
    GetInstrument,
    GetSession,
    GetBalance,
}

impl Scene {
    pub(crate) const ALL: [Self; 12] = [
        Self::Connect,
        Self::ReadBracket,
        Self::GetOrder,
        Self::GetOrderByBroker,
        Self::GetOrders,
        Self::GetFills,
        Self::GetPositions,
        Self::GetPrices,
        Self::GetBars,
        Self::GetInstrument,
        Self::GetSession,
        Self::GetBalance,
    ];

    /// The line of the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetOrderByBroker => "get-order, broker's id",
            Self::Connect => "connect",
            Self::ReadBracket => "read-bracket",
            Self::GetOrder => "get-order",
            Self::GetOrders => "get-orders",
            Self::GetFills => "get-fills",
            Self::GetPositions => "get-positions",
            Self::GetPrices => "get-prices",
            Self::GetBars => "get-bars",
            Self::GetInstrument => "get-instrument",
            Self::GetSession => "get-session",
            Self::GetBalance => "get-balance",
        }
    }

    fn export(self) -> &'static str {
        match self {
            Self::GetOrderByBroker => "get-order",
            _ => self.name(),
        }
    }

    /// Whether that the broker has no such thing is an answer, where the broker itself says it.
    fn may_be_absent(self) -> bool {
        matches!(self, Self::GetOrder | Self::GetOrderByBroker | Self::ReadBracket)
    }
}

/// One row: the read in that trouble, once for each of its requests.
pub(crate) fn run(kit: &Kit, scene: Scene, trouble: &Trouble) -> Tried {
    let Some(with) = trouble.with else { return sound(kit, scene) };
    if scene == Scene::Connect {
        return connecting(kit, trouble, with);
    }
    let mut desk = Desk::open(kit)?;
    let asked = prepare(&mut desk, scene)?;
    let mut met = 0;
    for request in 1..=REQUESTS_MAX {
        if with == With::Down && request > 1 {
            break;
        }
        drop(desk.watch.take_heard());
        let aim = Aim { export: scene.export(), request, only_writes: false, with };
        desk.watch.aim(Some(aim));
        let told = ask(&desk, scene, &asked)?;
        let hit = desk.watch.hit();
        desk.watch.aim(None);
        let Some(at) = hit else { break };
        met += 1;
        if desk.network.was_empty() {
            return Err(Stop::NotOffered("the broker's answer has no body".to_owned()));
        }
        judge(&desk, scene, trouble, &told, &at)?;
        desk.pass_ms(PAUSE_MS);
    }
    match met {
        0 => Err(Stop::NotOffered("it asks the broker nothing".to_owned())),
        _ => Ok(()),
    }
}

/// What the reads are about.
struct Asked {
    by_client: Read,
    by_broker: Read,
    bracket: Read,
}

fn prepare(desk: &mut Desk, scene: Scene) -> Result<Asked, Stop> {
    let needs_pair = scene == Scene::ReadBracket;
    let legs = if needs_pair { desk.pair()? } else { Vec::new() };
    let order = match needs_pair {
        true => BrokerOrderId::new(""),
        false => desk.place(desk.order(Side::Buy, Some("90")))?.broker_id,
    };
    let client_id = desk.last_id();
    if matches!(scene, Scene::GetFills | Scene::GetPositions | Scene::GetBars) {
        desk.hold()?;
    }
    let bracket = desk.bracket(bracketd_core::Decimal::TEN, legs);
    Ok(Asked {
        by_client: Read::Order { op: "look".into(), client_id: client_id.clone() },
        by_broker: Read::BrokerOrder { op: "look".into(), order },
        bracket: Read::Bracket { op: "look".into(), client_id, bracket },
    })
}

/// Lets the host call the export; gives what it told.
fn ask(desk: &Desk, scene: Scene, asked: &Asked) -> Result<Vec<BrokerEvent>, Stop> {
    let symbol = desk.symbol.clone();
    match scene {
        Scene::GetOrder => desk.read(asked.by_client.clone()),
        Scene::GetOrderByBroker => desk.read(asked.by_broker.clone()),
        Scene::ReadBracket => desk.read(asked.bracket.clone()),
        Scene::GetOrders | Scene::GetFills | Scene::GetPositions | Scene::GetBalance => {
            desk.read(Read::Picture { since: Timestamp(0) })
        }
        Scene::GetInstrument | Scene::GetSession => desk.read(Read::Instrument(symbol)),
        Scene::GetBars => {
            desk.read(Read::Bars { symbol, seconds: 60, since: Timestamp(0), limit: 10 })
        }
        Scene::GetPrices | Scene::Connect => {
            desk.watch_prices()?;
            desk.step()?;
            Ok(desk.told())
        }
    }
}

/// The plugin's word, and that the host concluded nothing from a failed read.
fn judge(desk: &Desk, scene: Scene, trouble: &Trouble, told: &[BrokerEvent], at: &str) -> Tried {
    let of_export = |heard: &Heard| heard.export == scene.export();
    let all = desk.watch.take_heard();
    let Some(heard) = all.iter().find(|heard| of_export(heard)) else {
        return Err(Stop::broken(format!("nothing was heard of {}", scene.export())));
    };
    if let Some(line) = desk.network.lines().iter().find(|line| line.contains(ELSEWHERE)) {
        return Err(Stop::fails("no redirect is followed", line.as_str(), at));
    }
    if trouble.name == "404" && scene.may_be_absent() {
        return Ok(());
    }
    judge_word(desk, trouble, heard, at)?;
    // That the broker has no such thing is the broker's to say: an order or a symbol that a front
    // door does not find is there for all we know.
    let is_decisive = scene.may_be_absent() || scene == Scene::GetInstrument;
    if trouble.name == FRONT_DOOR && is_decisive && heard.word == Word::NotFound {
        return Err(Stop::fails("a fault that says nothing of the broker", heard.shown(), at));
    }
    for event in told {
        let wrong = match event {
            BrokerEvent::LookedUp { found: Found::Failed(_), .. } => None,
            BrokerEvent::LookedUp { found, .. } => Some(format!("{found:?}")),
            BrokerEvent::Picture(picture) if picture.complete => Some(format!(
                "a complete picture of {} orders, {} fills, {} positions",
                picture.orders.len(),
                picture.fills.len(),
                picture.positions.len()
            )),
            _ => None,
        };
        if let Some(happened) = wrong {
            return Err(Stop::fails("a failed read proves nothing", happened, at));
        }
    }
    Ok(())
}

fn judge_word(desk: &Desk, trouble: &Trouble, heard: &Heard, at: &str) -> Tried {
    let expected = || format!("the plugin says {}", words(trouble.of_read));
    if !trouble.of_read.contains(&heard.word) {
        return Err(Stop::said(expected(), heard, at, desk));
    }
    if heard.word == Word::RateLimited && heard.after_ms != Some(PAUSE_MS) {
        let expected = format!("{}, after {PAUSE_MS} ms as the broker says", expected());
        return Err(Stop::fails(expected, heard.shown(), at));
    }
    Ok(())
}

/// `connect` fails with a word that fits, and the account is told to be down.
fn connecting(kit: &Kit, trouble: &Trouble, with: With) -> Tried {
    // Every instance connects, some at the same time: each request of each meets it.
    let aim = Aim { export: "connect", request: EVERY, only_writes: false, with };
    let desk = Desk::start(kit, Some(aim))?;
    desk.until("connect is called", || desk.watch.count("connect") > 0)?;
    let heard = desk.heard("connect");
    let at = match with {
        With::Down => "nobody listens".to_owned(),
        With::Fault(_) => desk.watch.hit().unwrap_or_default(),
    };
    if at.is_empty() {
        return Err(Stop::fails(
            "connect asks the broker who the account is",
            "it asks nothing",
            "",
        ));
    }
    // On a busy machine the host ends some of them first; one that got to speak speaks for all.
    let is_late = |heard: &&Heard| heard.word == Word::Ended && heard.code == "DEADLINE";
    let in_time = heard.iter().filter(|heard| !is_late(heard));
    for heard in in_time.chain(heard.iter().take(1).filter(|_| heard.iter().all(|h| is_late(&h)))) {
        judge_word(&desk, trouble, heard, &at)?;
    }
    desk.wait("the account is told to be down", |event| {
        matches!(event, BrokerEvent::Down(_)).then_some(())
    })
}

/// Without trouble the answer is what the book holds.
fn sound(kit: &Kit, scene: Scene) -> Tried {
    let mut desk = Desk::open(kit)?;
    if scene == Scene::Connect {
        return Ok(());
    }
    let asked = prepare(&mut desk, scene)?;
    drop(desk.watch.take_heard());
    let told = ask(&desk, scene, &asked)?;
    let heard = desk.heard(scene.export());
    match heard.iter().find(|heard| heard.word != Word::Success) {
        Some(heard) if heard.word == Word::NotSupported => {
            return Err(Stop::NotOffered("the plugin says not-supported".to_owned()));
        }
        Some(heard) => {
            return Err(Stop::fails("the plugin answers", heard.shown(), scene.export()));
        }
        None if heard.is_empty() => {
            return Err(Stop::broken(format!("{} was not called", scene.export())));
        }
        None => {}
    }
    crate::truth::check(&desk, scene, &told)
}
