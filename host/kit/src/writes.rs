//! Each write export in each trouble: what the plugin says, what the host concludes, what the broker
//! did, and what a look-up then finds.
//!
//! Apart because here a wrong word doubles an order or loses a stop. The broker's book decides.

use bracketd_account::Word;
use bracketd_core::Decimal;
use bracketd_core::broker::Found;
use bracketd_core::command::{Answer, BracketLeg, Call, Change, Read};
use bracketd_core::ids::{BrokerOrderId, ClientOrderId};
use bracketd_core::order::Side;

use crate::Kit;
use crate::book::Book;
use crate::desk::Desk;
use crate::hands::{at, shown};
use crate::row::{Stop, Tried};
use crate::trouble::{Conclusion, ELSEWHERE, PAUSE_MS, Trouble, conclusions, words};
use crate::watch::{Aim, Heard};

/// What a write export is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    Submit,
    Cancel,
    NewPair,
    MoveStop,
    MoveTarget,
    MoveBoth,
}

impl Scene {
    pub(crate) const ALL: [Self; 6] = [
        Self::Submit,
        Self::Cancel,
        Self::NewPair,
        Self::MoveStop,
        Self::MoveTarget,
        Self::MoveBoth,
    ];

    /// The line of the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit-order",
            Self::Cancel => "cancel-order",
            Self::NewPair => "adjust-tp-sl, new",
            Self::MoveStop => "adjust-sl",
            Self::MoveTarget => "adjust-tp",
            Self::MoveBoth => "adjust-tp-sl",
        }
    }

    fn export(self) -> &'static str {
        match self {
            Self::NewPair | Self::MoveBoth => "adjust-tp-sl",
            Self::Submit | Self::Cancel | Self::MoveStop | Self::MoveTarget => self.name(),
        }
    }

    /// The stop and the target that it asks for.
    fn exits(self) -> (Change, Change) {
        match self {
            Self::NewPair => (at("95"), at("110")),
            Self::MoveStop => (at("96"), Change::Keep),
            Self::MoveTarget => (Change::Keep, at("109")),
            Self::MoveBoth => (at("96"), at("109")),
            Self::Submit | Self::Cancel => (Change::Keep, Change::Keep),
        }
    }
}

/// What was made ready for the call.
struct Ready {
    call: Call,
    held: Decimal,
    legs: Vec<BracketLeg>,
    /// The order that is to go.
    order: Option<BrokerOrderId>,
}

/// One row: the call, once, in that trouble.
pub(crate) fn run(kit: &Kit, scene: Scene, trouble: &Trouble) -> Tried {
    let mut desk = Desk::open(kit)?;
    let ready = prepare(&mut desk, scene)?;
    let before = desk.book()?;
    let aim = trouble.with.map(|with| Aim {
        export: scene.export(),
        request: 1,
        only_writes: true,
        with,
    });
    let lines = desk.network.lines().len();
    drop(desk.watch.take_heard());
    desk.watch.aim(aim);
    let id = desk.id();
    let answer = desk.write_as(&id, 1, ready.call.clone())?;
    let hit = desk.watch.hit();
    desk.watch.aim(None);
    let at = hit.clone().unwrap_or_else(|| format!("{} itself", scene.export()));
    if trouble.with.is_some() && hit.is_none() {
        let said = format!("none; it said {}", shown(&answer));
        return Err(Stop::fails("the call makes a request that may write", said, at));
    }
    if desk.network.was_empty() {
        return Err(Stop::NotOffered("the broker's answer has no body".to_owned()));
    }
    one_write(&desk, lines, &at)?;
    let heard = last(&desk, scene.export())?;
    let has_looked = trouble.is_done && heard.word == Word::Success && heard.requests > 1;
    if !has_looked {
        judge_word(&desk, trouble, &heard, &at)?;
        judge_conclusion(trouble, &answer, &at)?;
    }
    let book = judge_effect(&desk, trouble, &before, &at)?;
    if trouble.with.is_none() || has_looked {
        // One that asked the broker in the same call may know better than the lost answer.
        return agrees(&desk, scene, &id, &answer, &book);
    }
    desk.pass_ms(PAUSE_MS);
    settle(&desk, scene, &ready, &id, &book, &at)?;
    if !trouble.is_done && !matches!(answer, Answer::Rejected(_)) {
        again(&desk, scene, ready.call, &id, &before)?;
    }
    unharmed(&desk)
}

fn prepare(desk: &mut Desk, scene: Scene) -> Result<Ready, Stop> {
    let symbol = desk.symbol.clone();
    let nothing = Vec::new;
    Ok(match scene {
        Scene::Submit => {
            let call = Call::Submit(desk.order(Side::Buy, Some("90")));
            Ready { call, held: Decimal::ZERO, legs: nothing(), order: None }
        }
        Scene::Cancel => {
            let order = desk.place(desk.order(Side::Buy, Some("90")))?.broker_id;
            desk.book_once("an order rests", |book| book.live(symbol.as_str()).count() == 1)?;
            let call = Call::Cancel { order: order.clone() };
            Ready { call, held: Decimal::ZERO, legs: nothing(), order: Some(order) }
        }
        Scene::NewPair => {
            let held = desk.hold()?;
            // What the call asks first is asked now: the call itself shall be the one that counts.
            desk.instrument()?;
            adjusting(desk, scene, held, nothing())
        }
        Scene::MoveStop | Scene::MoveTarget | Scene::MoveBoth => {
            let legs = desk.pair()?;
            adjusting(desk, scene, Decimal::TEN, legs)
        }
    })
}

fn adjusting(desk: &Desk, scene: Scene, held: Decimal, legs: Vec<BracketLeg>) -> Ready {
    let (stop, target) = scene.exits();
    let call = Call::Adjust { bracket: desk.bracket(held, legs.clone()), stop, target };
    Ready { call, held, legs, order: None }
}

/// One write a call, and none where a redirect points.
fn one_write(desk: &Desk, before: usize, at: &str) -> Tried {
    let lines = desk.network.lines();
    let made = lines.get(before..).unwrap_or_default();
    let is_write = |line: &&String| {
        let (method, path) = line.split_once(' ').unwrap_or((line.as_str(), ""));
        desk.watch.is_write(method, path)
    };
    let writes: Vec<&str> = made.iter().filter(is_write).map(String::as_str).collect();
    if writes.len() > 1 {
        return Err(Stop::fails("one write in a call", writes.join(", "), at));
    }
    match made.iter().find(|line| line.contains(ELSEWHERE)) {
        Some(line) => Err(Stop::fails("no redirect is followed", line.as_str(), at)),
        None => Ok(()),
    }
}

/// The word of the last call of that export.
fn last(desk: &Desk, export: &str) -> Result<Heard, Stop> {
    let heard = desk.heard(export).pop();
    heard.ok_or_else(|| Stop::broken(format!("nothing was heard of {export}")))
}

fn judge_word(desk: &Desk, trouble: &Trouble, heard: &Heard, at: &str) -> Tried {
    let expected = || format!("the plugin says {}", words(trouble.of_write));
    if !trouble.of_write.contains(&heard.word) {
        return Err(Stop::said(expected(), heard, at, desk));
    }
    let is_paused = trouble.of_write == [Word::RateLimited];
    if is_paused && heard.after_ms != Some(PAUSE_MS) {
        let expected = format!("{}, after {PAUSE_MS} ms as the broker says", expected());
        return Err(Stop::fails(expected, heard.shown(), at));
    }
    let is_unsure = heard.word == Word::UnknownOutcome;
    if is_unsure && heard.lookups == 0 {
        let happened = format!("{}, and names nothing", heard.shown());
        return Err(Stop::fails("an unknown outcome names what to look up", happened, at));
    }
    Ok(())
}

/// What the host concluded.
pub(crate) fn concluded(answer: &Answer) -> Conclusion {
    match answer {
        Answer::Adjusted { .. } | Answer::Placed { .. } => Conclusion::Success,
        Answer::Rejected(_) => Conclusion::Rejected,
        Answer::NotSent { .. } => Conclusion::NotSent,
        Answer::Unknown(_) => Conclusion::Unknown,
    }
}

fn judge_conclusion(trouble: &Trouble, answer: &Answer, at: &str) -> Tried {
    if trouble.concluded.contains(&concluded(answer)) {
        return Ok(());
    }
    let expected = format!("the host concludes {}", conclusions(trouble.concluded));
    Err(Stop::fails(expected, shown(answer), at))
}

/// Whether the broker did it is a property of the trouble: the plugin cannot change it, but may have
/// sent nothing, or more.
fn judge_effect(desk: &Desk, trouble: &Trouble, before: &Book, at: &str) -> Result<Book, Stop> {
    let was = before.effects();
    if trouble.is_done {
        return desk.book_once("the broker did it", |book| book.effects() != was);
    }
    let book = desk.book()?;
    match book.effects() == was {
        true => Ok(book),
        false => {
            let shown = book.shown(desk.symbol.as_str());
            Err(Stop::fails("nothing changed at the broker", shown, at))
        }
    }
}

/// A success tells what rests now.
fn agrees(desk: &Desk, scene: Scene, id: &ClientOrderId, answer: &Answer, book: &Book) -> Tried {
    let symbol = desk.symbol.as_str();
    let wrong = |expected: String| Stop::fails(expected, shown(answer), scene.export());
    match answer {
        Answer::Placed { order, .. } if scene == Scene::Submit => {
            let made = book.by_client(id.as_str());
            let made = made.ok_or_else(|| wrong(format!("an order with the client id {id}")))?;
            match order {
                Some(told) if told.broker_id.as_str() == made.id => Ok(()),
                Some(_) | None => Err(wrong(format!("the answer tells the order {}", made.id))),
            }
        }
        Answer::Adjusted { legs, .. } => {
            let (stop, target) = scene.exits();
            let legs_live = legs.iter().filter(|leg| !leg.status.is_terminal());
            for leg in legs_live {
                let made = book.by_id(leg.broker_id.as_str());
                if made.is_none_or(|order| !order.is_live && scene == Scene::NewPair) {
                    return Err(wrong(format!("each leg told rests at the broker ({leg:?})")));
                }
            }
            let first = [(stop, "stop"), (target, "limit")];
            let moved = first.into_iter().any(|(wanted, kind)| match wanted {
                Change::Set(wanted) => {
                    book.exits(symbol, kind).iter().any(|(_, price)| *price == wanted.get())
                }
                Change::Keep | Change::Clear => false,
            });
            // Where legs are not replaced in place, the first step only takes the old ones away.
            let is_gone = book.live(symbol).count() < 2;
            if moved || is_gone { Ok(()) } else { Err(wrong("an exit at its new price".into())) }
        }
        Answer::Placed { .. }
        | Answer::Rejected(_)
        | Answer::NotSent { .. }
        | Answer::Unknown(_) => Ok(()),
    }
}

/// The look-up that settles a doubt finds what the book holds.
fn settle(
    desk: &Desk,
    scene: Scene,
    ready: &Ready,
    id: &ClientOrderId,
    book: &Book,
    at: &str,
) -> Tried {
    let symbol = desk.symbol.as_str();
    match scene {
        Scene::Submit => {
            let found = desk.find(id)?.map(|order| order.broker_id.to_string());
            let held = book.by_client(id.as_str()).map(|order| order.id.clone());
            match found == held {
                true => Ok(()),
                false => Err(Stop::fails(
                    format!("get-order finds {}", held.unwrap_or_else(|| "nothing".into())),
                    found.unwrap_or_else(|| "nothing".into()),
                    at,
                )),
            }
        }
        Scene::Cancel => {
            let order = ready.order.clone().unwrap_or_else(|| BrokerOrderId::new(""));
            let found = desk.find_by(&order)?;
            let is_live = book.by_id(order.as_str()).is_some_and(|order| order.is_live);
            match found {
                Some(found) if found.status.is_terminal() != is_live => Ok(()),
                Some(found) => {
                    let expected = if is_live { "an order that rests" } else { "one that ended" };
                    Err(Stop::fails(expected, found.status.as_str(), at))
                }
                None => Err(Stop::fails("get-order finds the order", "nothing", at)),
            }
        }
        Scene::NewPair | Scene::MoveStop | Scene::MoveTarget | Scene::MoveBoth => {
            let bracket = desk.bracket(ready.held, ready.legs.clone());
            let read = Read::Bracket { op: "look".into(), client_id: id.clone(), bracket };
            let legs = match desk.look_up(read)? {
                Found::Legs { legs, .. } => legs,
                other => {
                    return Err(Stop::fails("read-bracket tells legs", format!("{other:?}"), at));
                }
            };
            let live = |leg: &&BracketLeg| !leg.status.is_terminal();
            let mut found: Vec<&str> =
                legs.iter().filter(live).map(|leg| leg.broker_id.as_str()).collect();
            let mut rests: Vec<&str> = book.live(symbol).map(|order| order.id.as_str()).collect();
            found.sort_unstable();
            rests.sort_unstable();
            // The second leg of a pair comes with its first, and is read with it.
            let is_part = scene == Scene::NewPair && !found.is_empty();
            let fits = found == rests || (is_part && found.iter().all(|id| rests.contains(id)));
            match fits {
                true => Ok(()),
                false => Err(Stop::fails(
                    format!("read-bracket shows the exits that rest: {}", rests.join(", ")),
                    found.join(", "),
                    at,
                )),
            }
        }
    }
}

/// What surely did not happen may be sent again under the same id, and then happens once.
fn again(desk: &Desk, scene: Scene, call: Call, id: &ClientOrderId, before: &Book) -> Tried {
    let answer = desk.write_as(id, 2, call)?;
    if concluded(&answer) != Conclusion::Success {
        let expected = "what did not happen succeeds when it is sent again under the same id";
        return Err(Stop::fails(expected, shown(&answer), scene.export()));
    }
    let was = before.effects();
    desk.book_once("the broker did it when it was sent again", |b| b.effects() != was).map(drop)
}

/// Nothing in the book that must never be there.
pub(crate) fn unharmed(desk: &Desk) -> Tried {
    match desk.book()?.crimes(desk.symbol.as_str()) {
        None => Ok(()),
        Some(crime) => Err(Stop::fails("one order an id, nothing oversold", crime, "")),
    }
}
