//! Who opens the demo's transactions: one of every kind at a fresh start, then one now and then.
//!
//! Apart because it stands for people. It asks the engine like everybody else, and plays the
//! broker's moods (a rejected stop, thin liquidity) through the exchange's admin endpoint.

use std::time::Duration;

use bracketd_core::Decimal;
use bracketd_core::ids::{PolicyName, Symbol, TransactionId};
use bracketd_core::intent::{GuardWish, Intent, Open, Request, Source, Verdict, Wish};
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Direction;
use bracketd_core::transaction::EntryKind;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::{ACCOUNT, KEY, SECRET};
use crate::message::{Query, Reply, ToEngine};
use crate::vital;

/// How long an answer of the engine is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at whether something new should be opened.
const PAUSE: Duration = Duration::from_secs(12);
/// Live transactions that are enough.
const ENOUGH: usize = 6;

/// The director's thread works until it is told to stop.
pub struct Director {
    engine: Sender<ToEngine>,
    exchange: String,
    stop: Receiver<()>,
    agent: ureq::Agent,
    turn: usize,
}

/// What a transaction of the demo looks like, in percent of the present price.
struct Scene {
    symbol: &'static str,
    direction: Direction,
    quantity: i64,
    /// Where the entry rests, in hundredths of a percent on the losing side; none is at the market.
    limit_bp: Option<i64>,
    stop_bp: i64,
    target_bp: i64,
    policy: &'static str,
    guard: GuardWish,
}

impl Director {
    /// Starts the thread. Dropping the sender that is returned ends it.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn start(
        engine: Sender<ToEngine>,
        exchange: String,
        is_new: bool,
    ) -> std::io::Result<Sender<()>> {
        let (hold, stop) = bounded(0);
        let agent = ureq::Agent::config_builder().proxy(None).build().into();
        let director = Self { engine, exchange, stop, agent, turn: 0 };
        vital::spawn("demo", move || director.run(is_new))?;
        Ok(hold)
    }

    fn run(mut self, is_new: bool) {
        if is_new && self.first_scenes().is_none() {
            return;
        }
        while self.pause(PAUSE) {
            if self.live().is_some_and(|live| live < ENOUGH) {
                self.one_more();
            }
        }
    }

    /// Waits; false once the demo ends.
    fn pause(&self, time: Duration) -> bool {
        matches!(self.stop.recv_timeout(time), Err(crossbeam_channel::RecvTimeoutError::Timeout))
    }

    /// One of every kind, within the first ten seconds.
    fn first_scenes(&mut self) -> Option<()> {
        let second = Duration::from_secs(1);
        // A guarded limit entry: its stop is changed while it waits.
        let waiting = self.open(&Scene {
            limit_bp: Some(8),
            ..scene("ALFA", Direction::Long, 40, "trailing_stop")
        });
        self.open(&scene("CHRL", Direction::Long, 12, "breakeven_after_1r"));
        self.open(&scene("DLTA", Direction::Short, 60, "trailing_stop"));
        if let Some(id) = waiting {
            self.tighten(id, 20);
        }
        self.pause(second).then_some(())?;
        // A plain entry that fills in parts: each part gets its own pair.
        self.admin("liquidity", r#"{"symbol":"BRVO","max_fill_per_step":"30"}"#);
        self.open(&Scene {
            guard: GuardWish::Plain,
            ..scene("BRVO", Direction::Long, 100, "fixed_bracket")
        });
        self.pause(second * 3).then_some(())?;
        self.admin("liquidity", r#"{"symbol":"BRVO","max_fill_per_step":null}"#);
        // The broker rejects a stop: unprotected, told, tried again.
        self.admin("incident", r#"{"kind":"reject_next","symbol":"CHRL","role":"stop"}"#);
        let spoiled = self.open(&Scene {
            guard: GuardWish::Plain,
            ..scene("CHRL", Direction::Long, 8, "fixed_bracket")
        });
        self.pause(second * 4).then_some(())?;
        // A close.
        if let Some(id) = spoiled {
            self.ask(Intent::Close { transaction: id }, "the demo shows a close");
        }
        // An entry far away goes on waiting.
        self.open(&Scene {
            limit_bp: Some(250),
            ..scene("DLTA", Direction::Short, 20, "vol_stop")
        });
        Some(())
    }

    fn one_more(&mut self) {
        self.turn += 1;
        let symbols = ["ALFA", "BRVO", "CHRL"];
        let policies = ["trailing_stop", "fixed_bracket", "breakeven_after_1r", "time_exit"];
        let symbol = symbols[self.turn % symbols.len()];
        let policy = policies[self.turn % policies.len()];
        let limit_bp = self.turn.is_multiple_of(2).then_some(5);
        self.open(&Scene { limit_bp, ..scene(symbol, Direction::Long, 10, policy) });
    }

    fn open(&self, scene: &Scene) -> Option<TransactionId> {
        let (bid, ask) = self.price(scene.symbol)?;
        let (at, sign) = match scene.direction {
            Direction::Long => (ask, Decimal::ONE),
            Direction::Short => (bid, Decimal::NEGATIVE_ONE),
        };
        let entry = scene.limit_bp.map_or(at, |bp| moved(at, -bp, sign));
        let kind = match scene.limit_bp {
            Some(_) => EntryKind::Limit(Price::new(entry)?),
            None => EntryKind::Market,
        };
        let open = Open {
            account: ACCOUNT.into(),
            owner: None,
            symbol: Symbol::new(scene.symbol),
            direction: scene.direction,
            quantity: Quantity::new(scene.quantity.into())?,
            entry: kind,
            time_in_force: None,
            stop: Price::new(moved(entry, -scene.stop_bp, sign)),
            target: Price::new(moved(entry, scene.target_bp, sign)),
            policies: Some(vec![PolicyName::new(scene.policy)]),
            on_partial: None,
            guard: scene.guard,
            distinct: true,
        };
        self.ask(Intent::Open(Box::new(open)), "the demo opens one of each kind")?.transaction
    }

    /// Changes the stop of a transaction that still waits: stored, and sent at the fill.
    fn tighten(&self, id: TransactionId, bp: i64) {
        let Some(Reply::Transaction(Some(seen))) = self.query(Query::Transaction(id)) else {
            return;
        };
        let tx = &seen.transaction;
        let Some(stop) = tx.desired.stop else { return };
        let to = moved(stop.get(), bp, Decimal::ONE);
        let Some(stop) = Price::new(to) else { return };
        let intent = Intent::Protect { transaction: id, stop: Wish::Set(stop), target: Wish::Keep };
        self.ask(intent, "law 1: a stop changed while the entry waits");
    }

    fn ask(&self, intent: Intent, why: &str) -> Option<Verdict> {
        let (reply, answer) = bounded(1);
        let request = Request {
            intent,
            source: Source::Manual("demo".to_owned()),
            why: why.to_owned(),
            if_version: None,
            inputs: String::new(),
        };
        self.engine.send(ToEngine::Request { request: Box::new(request), reply }).ok()?;
        let verdict = answer.recv_timeout(PATIENCE).ok()?;
        if !verdict.accepted() {
            tracing::info!(code = verdict.code(), "the demo was refused: {}", verdict.message);
        }
        Some(verdict)
    }

    fn query(&self, query: Query) -> Option<Reply> {
        let (reply, answer) = bounded(1);
        self.engine.send(ToEngine::Query { query, reply }).ok()?;
        answer.recv_timeout(PATIENCE).ok()
    }

    fn live(&self) -> Option<usize> {
        let Reply::Transactions(all) = self.query(Query::Transactions(None))? else { return None };
        Some(all.iter().filter(|seen| !seen.transaction.status.is_ended()).count())
    }

    /// Bid and ask, straight from the exchange: nothing may be watched yet.
    fn price(&self, symbol: &str) -> Option<(Decimal, Decimal)> {
        let url = format!("{}/v2/stocks/quotes/latest?symbols={symbol}", self.exchange);
        let request = self
            .agent
            .get(&url)
            .header("APCA-API-KEY-ID", KEY)
            .header("APCA-API-SECRET-KEY", SECRET);
        let text = request.call().ok()?.body_mut().read_to_string().ok()?;
        let answer: serde_json::Value = serde_json::from_str(&text).ok()?;
        let side = |name: &str| -> Option<Decimal> {
            answer["quotes"][symbol][name].to_string().trim_matches('"').parse().ok()
        };
        Some((side("bp")?, side("ap")?))
    }

    fn admin(&self, what: &str, body: &str) {
        let sent = self
            .agent
            .post(format!("{}/admin/{what}", self.exchange))
            .header("APCA-API-KEY-ID", KEY)
            .header("APCA-API-SECRET-KEY", SECRET)
            .content_type("application/json")
            .send(body);
        if let Err(error) = sent {
            tracing::debug!(%error, "the demo's exchange did not take {what}");
        }
    }
}

fn scene(symbol: &'static str, direction: Direction, quantity: i64, policy: &'static str) -> Scene {
    Scene {
        symbol,
        direction,
        quantity,
        limit_bp: None,
        stop_bp: 60,
        target_bp: 120,
        policy,
        guard: GuardWish::Native,
    }
}

/// A price moved by hundredths of a percent toward the gaining side, on cents.
fn moved(price: Decimal, bp: i64, sign: Decimal) -> Decimal {
    let delta = price * Decimal::from(bp) * sign / Decimal::from(10_000);
    (price + delta).round_dp(2)
}
