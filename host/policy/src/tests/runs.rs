//! What good scripts get: verdicts, merged requests, kept state, inputs.

use std::sync::Arc;

use bracketd_core::Decimal;
use bracketd_core::book::Book;
use bracketd_core::command::{Op, OpKind, OpLegs, OpState};
use bracketd_core::ids::{SliceNo, TransactionId};
use bracketd_core::intent::{Intent, Source, Wish};
use bracketd_core::order::Direction;
use bracketd_core::transaction::{EntryKind, TransactionStatus};

use super::{bed, line, on_tick, policy, price};
use crate::{Event, Params, Ran, Verbs};

/// The requests as one text: `update_stop_loss 96`.
fn asked(ran: &Ran) -> Vec<String> {
    let wish = |wish: &Wish| match wish {
        Wish::Keep => "keep".to_owned(),
        Wish::Clear => "clear".to_owned(),
        Wish::Set(price) => price.to_string(),
    };
    ran.requests
        .iter()
        .map(|request| match &request.intent {
            Intent::Protect { stop, target, .. } => format!("{} {}", wish(stop), wish(target)),
            Intent::Ratchet { stop, .. } => format!("ratchet {stop}"),
            Intent::Resize { quantity, .. } => format!("hold {quantity}"),
            other => other.verb().to_owned(),
        })
        .collect()
}

/// A later wish for a leg takes the place of an earlier one; what changes nothing is not asked.
#[test]
fn requests_are_merged_by_leg() {
    let table = [
        ("update_stop_loss(t, 96, \"w\"); update_stop_loss(t, 97, \"w\");", &["97 keep"][..]),
        ("ratchet_stop(t, 96, \"w\"); ratchet_stop(t, 97, \"w\");", &["ratchet 97"]),
        ("update_stop_loss(t, 90, \"w\"); ratchet_stop(t, 92, \"w\");", &["92 keep"]),
        (
            "set_bracket(t, 96, 110, \"w\"); update_stop_loss(t, 97, \"w\");",
            &["keep 110", "97 keep"],
        ),
        (
            "set_bracket(t, 96.0, 110, \"w\"); clear_take_profit(t, \"w\");",
            &["96 keep", "keep clear"],
        ),
        ("ratchet_stop(t, 94, \"w\"); update_stop_loss(t, 95, \"w\");", &[]),
        ("adjust_quantity(t, t.qty / 3, \"w\");", &["hold 3"]),
        ("close_position(t, \"w\"); close_position(t, \"w\");", &["close_position"; 2]),
        (
            "update_stop_loss(t, 96, \"w\"); update_stop_loss(t, t.stop.offset_ticks(-3), \"w\");",
            &["95.97 keep"],
        ),
    ];
    for (body, expected) in table {
        let ran = on_tick(body).tick();
        assert_eq!((line(&ran).as_str(), asked(&ran)), ("done", expected.to_vec_of()), "{body}");
    }
}

trait ToVecOf {
    fn to_vec_of(&self) -> Vec<String>;
}

impl ToVecOf for [&str] {
    fn to_vec_of(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

/// A verdict tells the script what happened, and what holds now.
#[test]
fn verdicts_are_true() {
    let table = [
        ("update_stop_loss(t, 96.001, \"w\")", "STAGED 96.01"),
        ("update_stop_loss(t, 95, \"w\")", "UNCHANGED 95"),
        ("update_stop_loss(t, 101, \"w\")", "STOP_WRONG_SIDE 95"),
        ("ratchet_stop(t, 90, \"w\")", "UNCHANGED 95"),
        ("adjust_quantity(t, 4, \"w\")", "STAGED 4"),
        ("cancel_entry(t, \"w\")", "NOT_WAITING 0"),
        (
            "open_position(#{ symbol: \"X\", direction: \"long\", qty: 1 }, \"w\")",
            "VERB_NOT_ALLOWED",
        ),
    ];
    for (call, expected) in table {
        let tail = if expected.contains(' ') {
            "note(\"v\", `${v.code} ${v.effective}`);"
        } else {
            "note(\"v\", v.code);"
        };
        let ran = on_tick(&format!("let v = {call}; {tail}")).tick();
        assert_eq!(ran.notes, [("v".to_owned(), expected.to_owned())], "{call}: {}", line(&ran));
    }
}

/// A verb that the configuration takes away is refused by name, and the run goes on.
#[test]
fn g7_verbs_follow_the_configuration() {
    let mut bed = on_tick("close_position(t, \"out\"); update_stop_loss(t, 96, \"w\");");
    bed.allowed = Verbs::only(["update_stop_loss"]).expect("a verb");
    let ran = bed.tick();
    assert_eq!(asked(&ran), ["96 keep"]);
    let codes: Vec<&str> = ran.refused.iter().map(|(_, verdict)| verdict.code()).collect();
    assert_eq!(codes, ["VERB_NOT_ALLOWED"]);
}

/// While its entry waits, a change is stored against the planned entry, whatever the market says.
#[test]
fn a_waiting_transaction_stores_its_stop() {
    let body = "let v = update_stop_loss(t, 101, \"w\"); note(\"v\", v.code);
                let v2 = update_stop_loss(t, 96, \"w\"); note(\"v\", v2.code);
                let v3 = close_position(t, \"w\"); note(\"v\", v3.code);";
    let mut bed = bed(&format!("fn on_waiting(t, m, p) {{ {body} }}"));
    bed.tx.status = TransactionStatus::Waiting;
    bed.quote = None;
    let ran = bed.event(Event::Waiting);
    let codes: Vec<&str> = ran.notes.iter().map(|(_, code)| code.as_str()).collect();
    assert_eq!(codes, ["STOP_WRONG_SIDE", "STORED", "NOT_OPENED"]);
    assert_eq!(asked(&ran), ["96 keep"]);
}

/// The guards that look beyond one transaction answer inside the run too, not only at commit.
#[test]
fn g9_g18_a_verdict_in_a_run_knows_the_guards() {
    let mut bed = on_tick("let v = close_position(t, \"w\"); note(\"v\", v.code);");
    let mut book = Book::new("test", 0);
    book.accounts.insert(bed.account.name.clone(), bed.account.clone());
    let mut waits = bed.tx.clone();
    waits.id = TransactionId(2);
    waits.status = TransactionStatus::Waiting;
    waits.entry.ended = false;
    book.insert(bed.tx.clone());
    book.insert(waits);
    bed.book = Some(book);
    let code = |bed: &super::Bed| bed.tick().notes.first().map(|(_, code)| code.clone());
    assert_eq!(code(&bed).as_deref(), Some("WASH_TRADE"));
    let kind = OpKind::Cancel { order: "o".into() };
    bed.tx.ops.push(Op {
        id: "row".into(),
        client_id: "row".into(),
        slice: SliceNo(0),
        legs: OpLegs::Stop,
        step: 1,
        attempt: 1,
        kind,
        state: OpState::unknown(crate::selftest::fixture::START),
        version: 1,
        planned_at: crate::selftest::fixture::START,
        sent_at: crate::selftest::fixture::START,
        evidence: None,
    });
    assert_eq!(code(&bed).as_deref(), Some("UNSETTLED"));
}

/// With the book at hand a script reads the account, but changes only its own transaction.
#[test]
fn the_book_can_be_read_and_not_changed() {
    let body = "let all = transactions(); note(\"n\", all.len());
                note(\"ids\", `${all[0].id} ${all[1].id} ${all[1].entry}`);
                let v = close_position(all[1], \"not mine\"); note(\"v\", v.code);
                let s = portfolio_status(); note(\"s\", `${s.open_count} ${s.exposure}`);
                note(\"r\", position_metrics(all[1]).unrealized);
                note(\"q\", trade_summary()[\"TEST\"].long);
                note(\"c\", current_price(\"TEST\"));";
    let mut bed = on_tick(body);
    let quote = bed.quote.clone().expect("a quote");
    bed.account.quotes.insert(quote.symbol.clone(), quote);
    let mut other = bed.tx.clone();
    other.id = TransactionId(2);
    other.entered_value = Decimal::from(990);
    let mut book = Book::new("ledger", 1);
    book.accounts.insert(bed.account.name.clone(), bed.account.clone());
    for tx in [bed.tx.clone(), other] {
        book.transactions.insert(tx.id, Arc::new(tx));
    }
    bed.book = Some(book);
    let ran = bed.tick();
    let notes: Vec<&str> = ran.notes.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        notes,
        ["2", "1 2 99", "NOT_OWNER", "2 2000", "10", "20", "100.01"],
        "{}",
        line(&ran)
    );
}

/// `open_position` is there for policies whose configuration says so.
#[test]
fn opening_needs_the_configuration() {
    let body = "let v = open_position(#{ symbol: \"X\", direction: \"short\", qty: 5, limit: 9.5,
                  stop: 10 }, \"hedge\"); note(\"v\", v.code);";
    let mut bed = on_tick(body);
    assert_eq!(bed.tick().refused.len(), 1);
    bed.allowed = Verbs::only(["open_position"]).expect("a verb");
    let ran = bed.tick();
    let [request] = &ran.requests[..] else { panic!("{ran:?}") };
    let Intent::Open(open) = &request.intent else { panic!("{request:?}") };
    assert_eq!((open.entry, open.stop), (EntryKind::Limit(price("9.5")), Some(price("10"))));
    assert_eq!((open.account.as_str(), open.direction), ("test", Direction::Short));
}

/// State survives as JSON from run to run, and is returned only when it changed.
#[test]
fn state_goes_around() {
    let body = "if !(\"n\" in this) { this.n = 0; this.best = t.entry; this.half = 0.50; }
                if this.n < 2 { this.n += 1; }";
    let mut bed = on_tick(body);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let ran = bed.tick();
        assert_eq!(line(&ran), "done");
        bed.state = ran.state.clone().unwrap_or(bed.state);
        seen.push(ran.state);
    }
    let json = |n| {
        format!("{{\"best\":{{\"$price\":\"100\"}},\"half\":{{\"$decimal\":\"0.50\"}},\"n\":{n}}}")
    };
    assert_eq!(seen, [Some(json(1)), Some(json(2)), None]);
}

/// Declared state begins with its values, and a misspelt name fails the run.
#[test]
fn declared_state_is_checked() {
    let script = "const STATE = #{ scaled: false };
                  fn on_tick(t, m, p) { this.scaled = true; }
                  fn on_open(t, p) { this[\"scald\"] = true; }";
    let bed = bed(script);
    assert_eq!(bed.tick().state.as_deref(), Some("{\"scaled\":true}"));
    let ran = bed.event(Event::Open);
    assert_eq!(line(&ran), "state: this.scald is not declared in STATE");
}

/// A version that was gone back to does not fail over a key that the one after it declared.
#[test]
fn of_what_another_version_kept_the_declared_keys_count() {
    let script = "const STATE = #{ n: 0 };
                  fn on_tick(t, m, p) { this.n += 1; }";
    let mut bed = bed(script);
    bed.state = "{\"j\":7,\"n\":4}".to_owned();
    let ran = bed.tick();
    assert_eq!((line(&ran).as_str(), ran.state.as_deref()), ("done", Some("{\"n\":5}")));
}

/// Requests carry who asked, why, and what it was decided on.
#[test]
fn requests_say_who_why_and_on_what() {
    let script = "const PARAMS = #{ at: #{ type: \"decimal\", init: 96.0 } };
                  fn on_tick(t, m, p) { update_stop_loss(t, p.at, \"because\"); }";
    let mut bed = bed(script);
    bed.params = Params::default();
    bed.params.set("at", "97.5");
    let ran = bed.tick();
    let [request] = &ran.requests[..] else { panic!("{ran:?}") };
    let digest = bed.set.policy(&policy()).expect("p").digest().to_owned();
    assert_eq!(request.source, Source::Policy { name: policy(), digest });
    assert_eq!(request.why, "because");
    assert_eq!(
        request.inputs,
        "{\"ask\":\"100.02\",\"bid\":\"100\",\"entry\":\"100\",\"event\":\"on_tick\",\
         \"held\":\"10\",\"params\":{\"at\":\"97.5\"},\"status\":\"OPENED\",\"stop\":\"95\"}"
    );
    let quiet = on_tick("let x = t.stop;").tick();
    assert_eq!(quiet.inputs, "");
}

/// Configured parameters are read by the script's own declaration.
#[test]
fn parameters_must_fit() {
    let script = "const PARAMS = #{ n: #{ type: \"int\", init: 3, min: 1, max: 9 },
                    wait: #{ type: \"duration\", init: \"5m\" },
                    mode: #{ type: \"string\", init: \"a\", options: [\"a\", \"b\"] } };
                  fn on_tick(t, m, p) { note(\"p\", `${p.n} ${p.wait} ${p.mode}`); }";
    let table = [
        ("n", "4", "done"),
        ("wait", "\"2h\"", "done"),
        ("n", "10", "params: n = 10 is above its largest value 9"),
        ("n", "0", "params: n = 0 is below its smallest value 1"),
        ("n", "x", "params: n = x is no int"),
        ("wait", "5", "params: wait = 5 is no duration"),
        ("mode", "c", "params: mode = \"c\" is none of a, b"),
        ("mod", "a", "params: there is no parameter mod; did you mean mode?"),
    ];
    for (name, text, expected) in table {
        let mut bed = bed(script);
        bed.params.set(name, text);
        assert_eq!(line(&bed.tick()), expected, "{name} = {text}");
    }
    let notes = bed(script).tick().notes;
    assert_eq!(notes, [("p".to_owned(), "3 5m a".to_owned())]);
}

/// One script serves both sides: every offset is the mirror image.
#[test]
fn offsets_are_mirrored() {
    let calls = [
        "offset_pct(-2.5)",
        "offset_pct(3)",
        "offset_ticks(-7)",
        "offset_r(-1)",
        "offset_money(25.0)",
    ];
    for call in calls {
        let read = |short: bool| {
            let mut bed = on_tick(&format!("note(\"x\", t.entry.{call}.value);"));
            if short {
                bed.tx.direction = Direction::Short;
                bed.tx.initial_stop = Some(price("105"));
            }
            let ran = bed.tick();
            let text = ran.notes.first().unwrap_or_else(|| panic!("{call}: {}", line(&ran)));
            text.1.parse::<Decimal>().expect("a number")
        };
        let (long, short) = (read(false), read(true));
        assert_eq!(long + short, Decimal::from(200), "{call}: {long} {short}");
    }
}
