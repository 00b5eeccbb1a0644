//! The optional `streams` interface over a bad wire: what it tells sooner, and that nothing hangs on
//! it.
//!
//! Polls are the truth, and a stream may be wrong only by silence: it must not tell what is not so,
//! take garbage for news, or end its plugin.

use std::time::{Duration, Instant};

use bracketd_account::LogLine;
use bracketd_core::broker::{BrokerEvent, OrderReport};
use bracketd_core::ids::BrokerOrderId;
use bracketd_core::order::{OrderStatus, Side};
use crossbeam_channel::Receiver;

use crate::Kit;
use crate::desk::Desk;
use crate::hands::number;
use crate::network::Fault;
use crate::row::{Stop, Tried};
use crate::socket::Wire;

/// A stream that said nothing for so long has nothing more to say.
const QUIET: Duration = Duration::from_millis(200);
/// Longest wait for what a stream has to tell.
const WAIT: Duration = Duration::from_secs(5);
/// What no broker says: no JSON, JSON of other kinds, no text, much of nothing.
const GARBAGE: [&[u8]; 6] =
    [b"{\"stream\":", b"garbage", b"[]", b"null", b"\xff\xfe\x00", &[b'x'; 70_000]];

/// An account whose socket is open and has said what it says at first.
fn open(kit: &Kit) -> Result<(Desk, Wire, Receiver<LogLine>), Stop> {
    if !kit.plugin.can_stream() {
        return Err(Stop::NotOffered("it has no interface streams".to_owned()));
    }
    if !kit.settings.iter().any(|(_, value)| value.contains("{socket}")) {
        let why = "no --setting names {socket}, so no socket can be tried";
        return Err(Stop::NotOffered(why.to_owned()));
    }
    let (desk, wire, lines) = Desk::streaming(kit)?;
    is_open(&desk, &wire, &lines, 1)?;
    Ok((desk, wire, lines))
}

/// Waits until the socket was opened so often, stands, and is quiet.
fn is_open(desk: &Desk, wire: &Wire, lines: &Receiver<LogLine>, times: usize) -> Tried {
    let stands = || wire.opened() >= times && desk.account.status().sockets_open > 0;
    desk.until("the socket opens", stands).map_err(|stop| because(stop, lines))?;
    let mut seen = (wire.frames(), Instant::now());
    while seen.1.elapsed() < QUIET {
        std::thread::sleep(Duration::from_millis(5));
        if wire.frames() != seen.0 {
            seen = (wire.frames(), Instant::now());
        }
    }
    Ok(())
}

/// What the account's log says of it: a grant that is missing, a refusal of the broker.
fn because(stop: Stop, lines: &Receiver<LogLine>) -> Stop {
    let said: Vec<String> = lines.try_iter().map(|line| line.message).collect();
    match stop {
        Stop::Fails(finding) => Stop::fails(finding.expected, said.join("; "), "open"),
        other => other,
    }
}

/// From now on no poll can read anything.
fn blind(desk: &Desk) {
    desk.network.fail(|method, _| (method == "GET").then_some(Fault::Answer(503, "{}")));
}

/// An order that rests; it fills whole when the market comes.
fn resting(desk: &mut Desk) -> Result<BrokerOrderId, Stop> {
    let id = desk.place(desk.order(Side::Buy, Some("99")))?.broker_id;
    Ok(id)
}

fn market_comes(desk: &Desk) -> Tried {
    let symbol = desk.symbol.clone();
    desk.broker.price(symbol.as_str(), "98.90", "98.92")?;
    desk.book_once("ten fill", |b| b.position(symbol.as_str()) == number("10")).map(drop)
}

/// What was told of the order until it is told as filled; then until nothing more comes.
fn told_filled(desk: &Desk, id: &BrokerOrderId) -> Result<Vec<OrderReport>, Stop> {
    let (began, mut all) = (Instant::now(), Vec::new());
    let mut last = Instant::now();
    let is_filled =
        |all: &[OrderReport]| all.iter().any(|order| order.status == OrderStatus::Filled);
    while began.elapsed() < WAIT && (!is_filled(&all) || last.elapsed() < QUIET) {
        for event in desk.told() {
            if let BrokerEvent::Polled { orders, .. } = event {
                all.extend(orders.into_iter().filter(|order| order.broker_id == *id));
                last = Instant::now();
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    match is_filled(&all) {
        true => Ok(all),
        false => {
            let words: Vec<&str> = all.iter().map(|order| order.status.as_str()).collect();
            let happened = format!("the order was told as {words:?}");
            Err(Stop::fails("the stream tells the fill", happened, "on-frame"))
        }
    }
}

/// Nothing that came over the socket was wrong, and no call ended badly.
fn is_sound(desk: &Desk) -> Tried {
    let status = desk.account.status();
    if status.traps > 0 || status.lies > 0 {
        let happened = format!(
            "{} traps, {} values that cannot be true; last error: {}",
            status.traps,
            status.lies,
            status.last_error.map(|error| error.text).unwrap_or_default()
        );
        return Err(Stop::fails("no trap and no lie", happened, "on-frame"));
    }
    Ok(())
}

pub(super) fn told(kit: &Kit) -> Tried {
    let (mut desk, _wire, _lines) = open(kit)?;
    let id = resting(&mut desk)?;
    blind(&desk);
    market_comes(&desk)?;
    told_filled(&desk, &id)?;
    is_sound(&desk)
}

pub(super) fn twice(kit: &Kit) -> Tried {
    let (mut desk, wire, _lines) = open(kit)?;
    wire.double();
    let id = resting(&mut desk)?;
    blind(&desk);
    market_comes(&desk)?;
    let all = told_filled(&desk, &id)?;
    let filled = all.iter().filter(|order| order.status == OrderStatus::Filled).count();
    if filled != 1 {
        return Err(Stop::fails("the fill, once", format!("{filled} times"), "on-frame"));
    }
    is_sound(&desk)
}

/// What cannot be read is said to be so, since it may have held news; what follows is read again.
pub(super) fn garbage(kit: &Kit) -> Tried {
    let (mut desk, wire, lines) = open(kit)?;
    lines.try_iter().for_each(drop);
    let heard = || desk.watch.count("on-frame");
    for (number, text) in GARBAGE.into_iter().enumerate() {
        let shown = String::from_utf8_lossy(text.get(..text.len().min(20)).unwrap_or(text));
        let before = heard();
        wire.say(text).map_err(|why| Stop::broken(format!("nothing can be said: {why}")))?;
        desk.until("the plugin is asked about a frame", || heard() > before)?;
        if number < 2 {
            said_so(&lines, &shown)?;
        }
        is_sound(&desk)?;
        // A plugin may give its socket up over a frame; it is opened again.
        is_open(&desk, &wire, &lines, 1)?;
    }
    let id = resting(&mut desk)?;
    blind(&desk);
    market_comes(&desk)?;
    told_filled(&desk, &id)?;
    is_sound(&desk)
}

/// The log has a line about the frame: that it cannot be read, or that the plugin gave the socket up.
fn said_so(lines: &Receiver<LogLine>, frame: &str) -> Tried {
    let began = Instant::now();
    let is_about = |line: &LogLine| {
        line.message.contains("cannot read a frame") || line.message.contains("polling goes on")
    };
    while let Some(left) = WAIT.checked_sub(began.elapsed()) {
        match lines.recv_timeout(left) {
            Ok(line) if is_about(&line) => return Ok(()),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    let happened = format!("nothing was said of {frame:?}");
    Err(Stop::fails(
        "unread, resync or a fault for a frame that it cannot read",
        happened,
        "on-frame",
    ))
}

/// What was lost is read, once the broken socket is noticed.
pub(super) fn gap(kit: &Kit) -> Tried {
    let (mut desk, wire, lines) = open(kit)?;
    let id = resting(&mut desk)?;
    wire.lose(true);
    market_comes(&desk)?;
    wire.cut();
    wire.lose(false);
    is_open(&desk, &wire, &lines, 2)?;
    told_filled(&desk, &id)?;
    is_sound(&desk)
}

/// A socket that was closed is opened again, greeted again, and tells again.
pub(super) fn closed(kit: &Kit) -> Tried {
    let (mut desk, wire, lines) = open(kit)?;
    wire.cut();
    is_open(&desk, &wire, &lines, 2)?;
    let id = resting(&mut desk)?;
    blind(&desk);
    market_comes(&desk)?;
    told_filled(&desk, &id)?;
    is_sound(&desk)
}
