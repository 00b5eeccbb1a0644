//! Versions that are tried on what is live before they decide (I11).

use super::values::file;
use super::*;
use bracketd_core::time::Timestamp;

use crate::{BuildReport, Moment, Moments, Sample, Subject};

/// What is live: the bed's transaction, once for each state that is kept.
fn live(bed: &Bed, running: &PolicySet, states: &[&str]) -> Moments {
    let mut book = Book::new("ledger", 0);
    book.accounts.insert(bed.account.name.clone(), bed.account.clone());
    book.insert(bed.tx.clone());
    let book = Arc::new(book);
    let moment = |state: &&str| Moment {
        about: Subject::Transaction(Box::new(Sample {
            transaction: Arc::new(bed.tx.clone()),
            instrument: Arc::clone(&bed.instrument),
            seconds: 60,
            bars: bed.bars.clone().into(),
            peak: None,
            trough: None,
        })),
        account: bed.account.name.clone(),
        book: Arc::clone(&book),
        is_whole: true,
        state: (*state).to_owned(),
        pinned: None,
        now: START,
    };
    Moments {
        policy: policy(),
        running: running.shared(&policy()).map(Arc::clone),
        params: running.params(&policy()).cloned().unwrap_or_default(),
        config: Params::default(),
        verbs: Verbs::default(),
        all: states.iter().map(moment).collect(),
        is_all: true,
    }
}

/// A bed with one transaction whose market is known.
fn market() -> Bed {
    let mut bed = on_tick("");
    bed.account.instruments.insert(bed.tx.symbol.clone(), Arc::clone(&bed.instrument));
    bed.account.quotes.extend(bed.quote.clone().map(|quote| (quote.symbol.clone(), quote)));
    bed.bars = vec![Bar {
        at: Timestamp(START.0 - 120_000_000),
        open: price("100"),
        high: price("101"),
        low: price("99"),
        close: price("100"),
    }];
    bed
}

fn rehearsed(old: &Sources, new: &Sources, states: &[&str]) -> BuildReport {
    let first = PolicySet::build(old, None);
    assert_eq!(first.refused, [], "the first version builds");
    let bed = market();
    PolicySet::rehearsed(new, Some(&first.set), &mut |_| Some(live(&bed, &first.set, states)))
}

fn tick(body: &str) -> String {
    format!("fn on_tick(t, m, p) {{ {body} }}")
}

const STOP: &str = "update_stop_loss(t, t.entry.offset_pct(-4.0), \"why\");";

#[test]
fn i11_what_another_version_would_do_to_what_is_live_is_told() {
    let two = ["", ""];
    let rows: [(&str, &str, &[&str], &str); 12] = [
        (STOP, STOP, &two, "none of 2 live transactions would be dealt with otherwise"),
        // Another way to the same stop is nothing other.
        (
            STOP,
            "ratchet_stop(t, t.entry.offset_pct(-4.0), \"x\");",
            &two,
            "none of 2 live transactions would be dealt with otherwise",
        ),
        (
            STOP,
            "update_stop_loss(t, t.entry.offset_pct(-3.0), \"x\");",
            &two,
            "2 of 2 live transactions would get another stop",
        ),
        // The stop is what it wanted before, and stays where it is: at 95.
        (STOP, "", &two, "2 of 2 live transactions would get another stop"),
        (
            STOP,
            "set_bracket(t, t.entry.offset_pct(-3.0), t.entry.offset_pct(9.0), \"x\");",
            &[""],
            "1 of 1 live transactions would get another stop, 1 would get another target",
        ),
        (
            STOP,
            "triple_barrier(t, t.entry.offset_pct(-4.0), t.entry.offset_pct(9.0), minutes(5), \"x\");",
            &[""],
            "1 of 1 live transactions would get another target, 1 would be dealt with otherwise",
        ),
        (
            "",
            "if this.n > 1 { close_position(t, \"x\"); }",
            &[r#"{"n":2}"#, r#"{"n":1}"#],
            "1 of 2 live transactions would be closed",
        ),
        (
            "close_position(t, \"x\");",
            "",
            &[""],
            "1 of 1 live transactions would be closed no longer",
        ),
        (
            "",
            "adjust_quantity(t, 5.0, \"x\");",
            &[""],
            "1 of 1 live transactions would be dealt with otherwise",
        ),
        (
            "",
            "note(\"atr\", m.atr(14, \"1m\"));",
            &[""],
            "1 of 1 live transactions would lack what it asks for",
        ),
        (
            "throw \"no\";",
            "note(\"a\", 1);",
            &[""],
            "1 of 1 live transactions would fail no longer",
        ),
        ("", STOP, &[], "nothing live to rehearse it on"),
    ];
    for (old, new, states, said) in rows {
        let state = "const STATE = #{ n: 0 };\n";
        let text = |body: &str| sources(&format!("{state}{} // {new}", tick(body)));
        let report = rehearsed(&text(old), &text(&format!("{new}\n")), states);
        assert_eq!(report.refused, [], "{old} -> {new}");
        assert_eq!(report.changed[0].rehearsal, said, "{old} -> {new}");
    }
}

#[test]
fn i10_i11_a_version_that_fails_where_the_running_one_does_not_is_refused_at_its_place() {
    let kept = [r#"{"n":3}"#];
    let old = "const STATE = #{ version: 1, n: 0 };\nfn on_tick(t, m, p) { this.n += 1; }";
    let moved = "const STATE = #{ version: 2, m: 0 };\n";
    let rows = [
        ("fn on_tick(t, m, p) {\n  throw \"no\"; }".to_owned(), "no", (4, 3)),
        ("fn on_tick(t, m, p) {\n  let a = 1 / (this.n - 3); }".to_owned(), "zero", (4, 13)),
        ("fn on_tick(t, m, p) { loop {} }".to_owned(), "operations", (3, 4)),
        (
            "fn on_tick(t, m, p) {} fn on_bar(t, bar, p) { throw \"b\"; }".to_owned(),
            "on_bar",
            (3, 47),
        ),
        (
            format!("{moved}fn on_tick(t, m, p) {{}} fn on_reload(v, p) {{ throw \"m\"; }}"),
            "on_reload",
            (3, 27),
        ),
        // What was kept is moved before it is asked: with what is kept now it would not fail.
        (
            format!(
                "{moved}fn on_tick(t, m, p) {{\n  if this.m == 6 {{ throw \"six\"; }} }}\n\
                 fn on_reload(v, p) {{ this.m = this.n * 2; this.remove(\"n\"); }}"
            ),
            "six",
            (4, 20),
        ),
    ];
    for (new, words, place) in rows {
        let new = if new.contains("STATE") {
            new
        } else {
            format!("const STATE = #{{ version: 1, n: 0 }};\n{new}")
        };
        let report = rehearsed(&sources(old), &sources(&new), &kept);
        assert_eq!(report.changed, [], "{new}");
        let refused = &report.refused[0];
        let found = &refused.diagnostics[0];
        assert_eq!(found.code, "P025", "{new}");
        let why = &found.message;
        assert!(why.contains("live transaction 1 ") && why.contains(words), "{why}");
        assert!(why.contains("and the version that runs does not"), "{why}");
        assert_eq!(found.position(), place, "{new}: {why}");
        let digest = report.set.policy(&policy()).map(|p| p.digest().to_owned());
        assert!(digest.is_some() && refused.running == digest, "the version before goes on");
    }
}

#[test]
fn i11_a_version_that_fails_where_the_running_one_does_too_is_taken() {
    let report = rehearsed(&sources(&tick("throw \"a\"")), &sources(&tick("throw \"b\"")), &[""]);
    assert_eq!(report.refused, []);
    let said = "none of 1 live transactions would be dealt with otherwise";
    assert_eq!(report.changed[0].rehearsal, said);
}

#[test]
fn i11_a_version_without_one_before_it_is_refused_only_where_it_fails() {
    for (body, is_taken) in [(STOP, true), ("throw \"no\";", false)] {
        let bed = market();
        let none = PolicySet::default();
        let report = PolicySet::rehearsed(&sources(&tick(body)), None, &mut |_| {
            Some(live(&bed, &none, &[""]))
        });
        assert_eq!(report.set.policy(&policy()).is_some(), is_taken, "{body}");
        assert_eq!(report.refused.is_empty(), is_taken, "{body}");
        for refused in &report.refused {
            let why = &refused.diagnostics[0].message;
            assert!(!why.contains("that runs") && refused.running.is_none(), "{why}");
        }
    }
}

#[test]
fn i11_a_failure_in_a_library_is_shown_there() {
    let with = |body: &str| {
        let libs = vec![SourceFile::new("risk", "policies/lib/risk.rhai", body)];
        Sources { libs, ..sources(&tick("risk::look(t);")) }
    };
    let report = rehearsed(&with("fn look(t) {}"), &with("fn look(t) {\n  throw \"no\"; }"), &[""]);
    let found = &report.refused[0].diagnostics[0];
    assert_eq!((found.file.as_str(), found.position()), ("policies/lib/risk.rhai", (2, 3)));
}

#[test]
fn i11_values_that_only_the_refused_version_can_take_are_not_taken_either() {
    let script = |name: &str, body: &str| {
        sources(&format!(
            "const PARAMS = #{{ {name}: #{{ type: \"int\", init: 1, doc: \"d\" }} }};\n{}",
            tick(&format!("note(\"n\", p.{name}); {body}"))
        ))
    };
    let old = Sources { values: Some(file(&["* a=2"])), ..script("a", "") };
    let new = Sources { values: Some(file(&["* b=3"])), ..script("b", "throw \"no\";") };
    let report = rehearsed(&old, &new, &[""]);
    assert_eq!(report.refused[0].diagnostics[0].code, "P025");
    assert_eq!(report.params_refused[0].code, "P024");
    assert_eq!(report.params_changed, [] as [&str; 0]);
    let set = &report.set;
    let running = set.policy(&policy()).expect("the version before");
    assert!(running.check_params(set.params(&policy()).expect("its values")).is_ok());
}

#[test]
fn i15_a_rehearsal_ends_after_so_many_operations_and_says_so() {
    let slow =
        |last: &str| sources(&tick(&format!("let n = 0; while n < 5_000 {{ n += 1; }} {last}")));
    let states = vec![""; 200];
    let report = rehearsed(&slow(""), &slow(STOP), &states);
    let said = report.changed[0].rehearsal.clone();
    assert!(said.ends_with("; the others were not asked: it took too long"), "{said}");
    assert_eq!(rehearsed(&slow(""), &slow(STOP), &states).changed[0].rehearsal, said);
}

#[test]
fn what_could_not_be_rehearsed_is_taken_and_says_so() {
    let only_opened = |why: &str| {
        sources(&format!(
            "fn on_open(t, p) {{ update_stop_loss(t, t.entry.offset_pct(-4.0), \"{why}\"); }}"
        ))
    };
    let report = rehearsed(&only_opened("a"), &only_opened("b"), &[""]);
    let said = "not rehearsed: it handles neither prices nor bars";
    assert_eq!(report.changed[0].rehearsal, said);
    let first = PolicySet::build(&only_opened("a"), None).set;
    let report = PolicySet::rehearsed(&only_opened("b"), Some(&first), &mut |_| None);
    let said = "not rehearsed: what is live was not to be had in time";
    assert_eq!(report.changed[0].rehearsal, said);
}

/// What runs already is not held to them: only what is to take over.
#[test]
fn i11_no_version_takes_over_that_breaks_a_property() {
    let wider = tick("update_stop_loss(t, t.stop.offset_pct(-1.0), \"wider\");");
    let (good, wide) =
        (sources(&tick("ratchet_stop(t, t.entry.offset_pct(-4.0), \"why\");")), sources(&wider));
    let first = PolicySet::build(&good, None).set;
    let report = PolicySet::vetted(&wide, Some(&first), None);
    assert_eq!(report.refused[0].diagnostics[0].code, "P011");
    let digest = |set: &PolicySet| set.policy(&policy()).map(|p| p.digest().to_owned());
    assert_eq!(digest(&report.set), digest(&first));
    let runs = PolicySet::build(&wide, None).set;
    assert!(PolicySet::vetted(&wide, Some(&runs), None).refused.is_empty());
}
