//! What scripts must not be able to do, one line each (I10).

use super::{bed, line, on_tick};
use crate::{Ran, RunBudget, RunOutcome};

fn assert_nothing_asked(ran: &Ran) {
    assert_eq!((&ran.requests[..], &ran.state), (&[][..], &None));
}

/// Every bomb ends at a bound, and no `try` holds it up.
#[test]
fn bombs_end_at_a_bound() {
    let bombs = [
        ("loop {}", "Too many operations"),
        ("try { loop {} } catch { loop {} }", "Too many operations"),
        ("let s = \"xxxxxxxx\"; loop { s += s; }", "Length of string too large"),
        ("let a = [0]; loop { a += a; }", "Size of array/BLOB too large"),
        ("let a = []; loop { a.push(1); }", "Size of array/BLOB too large"),
        ("let k = #{}; let i = 0; loop { k[`k${i}`] = i; i += 1; }", "Too many operations"),
        ("let k = #{}; for i in 0..1000 { k[`k${i}`] = i; } k.len();", "Size of object map"),
        ("let a = []; a.pad(2000000, 1);", "Size of array/BLOB too large"),
        ("this.a = [0]; loop { this.a += this.a; }", "Size of array/BLOB too large"),
    ];
    for (body, words) in bombs {
        let ran = on_tick(body).tick();
        let line = line(&ran);
        assert!(line.starts_with("limit: ") && line.contains(words), "{body}: {line}");
        assert_nothing_asked(&ran);
    }
}

/// Who reads of an overrun finds the function, or the place where it was called.
#[test]
fn an_overrun_has_a_place() {
    let place = |script: &str| match bed(script).tick().outcome {
        RunOutcome::Failed(failure) => (failure.line, failure.to_string()),
        other => panic!("{other:?}"),
    };
    for script in
        ["\nfn on_tick(t, m, p) { loop {} }", "fn f() { loop {} }\nfn on_tick(t, m, p) { f(); }"]
    {
        let (line, text) = place(script);
        assert!(line > 0 && !text.contains(":0:"), "{script}: {text}");
    }
}

#[test]
fn deep_recursion_ends_at_a_bound() {
    let ran = bed("fn f(n) { f(n + 1) } fn on_tick(t, m, p) { f(0); }").tick();
    assert!(line(&ran).starts_with("limit: Stack overflow"), "{}", line(&ran));
}

/// What must never be done to a price, a parameter or a text is an error with words.
#[test]
fn wrong_types_are_errors_with_words() {
    let mistakes = [
        (
            "let x = \"95\"; update_stop_loss(t, x, \"w\");",
            "update_stop_loss(t: Transaction, price: Price",
        ),
        (
            "let x = 90.0; if t.stop > x { }",
            "a price does not compare with a number; compare prices",
        ),
        ("let x = 90; if t.stop > x { }", "a price does not compare with a whole number"),
        (
            "let x = (); if t.stop == x { }",
            "a price does not compare with nothing; missing data is never ()",
        ),
        ("let x = (); if 2.0 > x { }", "a number does not compare with nothing"),
        ("let x = \"10\"; if t.qty == x { }", "a number does not compare with a text"),
        ("let x = \"10\"; if 3 < x { }", "a whole number does not compare with a text"),
        ("let x = 5; if t.age() > x { }", "a length of time does not compare with a whole number"),
        ("let x = t.stop + 1.0;", "a price + a number has no unit; move a price with"),
        ("let x = p[\"trial\"];", "there is no parameter trial"),
        ("let x = 1.0 / 0.0;", "Division by zero"),
        ("let x = this.count;", "there is no entry count"),
        ("let w = \" \"; close_position(t, w);", "the reason is empty"),
        ("update_stop_loss(t, -3.0, \"w\");", "-3.0 is no price"),
        ("t.entry.offset_pct(-100);", "100 moved that far is no price any more"),
        ("alert(\"loud\", \"x\");", "alert level loud is none of info, warn, critical"),
        ("m.atr(3, \"7x\");", "\"7x\" is no length of bars"),
        ("loop { note(\"a\", 1); }", "at most 64"),
        ("throw `stop here ${t.id}`;", "stop here 1"),
    ];
    for (body, words) in mistakes {
        let ran = on_tick(body).tick();
        let line = line(&ran);
        assert!(line.starts_with("runtime: ") && line.contains(words), "{body}: {line}");
    }
}

/// A budget that is over stops the run; the outcome says so.
#[test]
fn the_budget_stops_a_run() {
    struct After(u64);
    impl RunBudget for After {
        fn over(&self, operations: u64) -> bool {
            operations >= self.0
        }
    }
    let mut bed = on_tick("update_stop_loss(t, 96, \"first\"); loop {}");
    bed.budget = Box::new(After(1_024));
    let ran = bed.tick();
    assert_eq!(line(&ran), "deadline: the run took longer than its limit");
    assert_eq!(ran.operations, 1_024);
    assert_nothing_asked(&ran);
}

/// A panic of the host ends the run, not the thread, and the next run is a run like any other.
#[test]
fn a_panic_of_the_host_ends_the_run_only() {
    let script = "fn on_tick(t, m, p) { update_stop_loss(t, 96, \"first\"); panic_in_host(); }
                  fn on_open(t, p) { update_stop_loss(t, 97, \"second\"); }";
    let bed = bed(script);
    let ran = bed.tick();
    assert_eq!(line(&ran), "panic: the host panicked: on purpose");
    assert_nothing_asked(&ran);
    assert_eq!(bed.event(crate::Event::Open).requests.len(), 1);
}

/// Missing data skips the run, also inside of `try`, and drops what was asked before.
#[test]
fn missing_data_skips_the_run() {
    let cases = [
        ("let x = m.bid;", "there is no bid of TEST"),
        ("let x = m.spread;", "there is no bid and ask"),
        ("t.pnl(m);", "there is no price for transaction 1"),
        ("let x = t.target;", "no target is wanted"),
        ("m.atr(14, \"5m\");", "15 complete bars of 5m are needed, 0 are known"),
        ("t.entry.offset_atr(-2);", "15 complete bars of 1m are needed, 0 are known"),
        ("this.x = 1; try { let x = m.bid; } catch { this.x = 2; }", "there is no bid of TEST"),
        ("close_position(t, \"out\"); let x = m.ask;", "there is no ask of TEST"),
        ("portfolio_status();", "the book is not given to this run"),
    ];
    for (body, words) in cases {
        let mut bed = on_tick(body);
        bed.quote = None;
        let ran = bed.tick();
        assert_eq!(line(&ran), format!("skipped: {words}"), "{body}");
        assert_nothing_asked(&ran);
    }
}

/// An accepted verb does not survive an error after it.
#[test]
fn an_error_drops_the_buffer_and_the_state() {
    let body =
        "this.n = 1; let v = update_stop_loss(t, 96, \"w\"); note(\"code\", v.code); throw 1;";
    let ran = on_tick(body).tick();
    assert_eq!(ran.notes, [("code".to_owned(), "STAGED".to_owned())]);
    let RunOutcome::Failed(failure) = &ran.outcome else { panic!("{:?}", ran.outcome) };
    assert_eq!((failure.file.as_str(), failure.line), ("policies/p.rhai", 2));
    assert_nothing_asked(&ran);
}

/// What cannot be kept fails the run, so that it does not fail tomorrow.
#[test]
fn state_that_cannot_be_kept_fails_the_run() {
    let cases = [
        ("let f = Fn(\"x\"); this.f = f;", "state: this.f is a Fn and cannot be kept"),
        ("this.t = t;", "state: this.t is a"),
        ("this.list = [m];", "state: this.list[] is a"),
    ];
    for (body, words) in cases {
        let ran = on_tick(&format!("close_position(t, \"x\"); {body}")).tick();
        assert!(line(&ran).starts_with(words), "{body}: {}", line(&ran));
        assert_nothing_asked(&ran);
    }
}
