//! What is found wrong in a script without running it: code, place, words.

use super::sources;
use crate::{PolicySet, SourceFile, Sources};

/// The findings as `code:underlined: message | help`.
fn findings(sources: &Sources) -> Vec<String> {
    let report = PolicySet::build(sources, None);
    let all = report.refused.iter().flat_map(|refused| &refused.diagnostics);
    all.map(|found| {
        let word = found.source.get(found.span.0..found.span.1).unwrap_or("?");
        let help = found.help.as_deref().unwrap_or("-");
        format!("{}:{word}: {} | {help}", found.code, found.message)
    })
    .collect()
}

/// The same with what is only worth a look.
fn all_findings(sources: &Sources) -> Vec<String> {
    let report = PolicySet::build(sources, None);
    let mut all = findings(sources);
    all.extend(report.warnings.iter().map(|found| {
        let word = found.source.get(found.span.0..found.span.1).unwrap_or("?");
        let help = found.help.as_deref().unwrap_or("-");
        format!("{}:{word}: {} | {help}", found.code, found.message)
    }));
    all
}

#[test]
fn signs_that_nobody_typed_are_named() {
    let table = [
        (
            "alert(\u{201c}warn\u{201d}, \"x\");",
            "P001:\u{201c}: the curly quote \u{201c} stands here | write straight quotes",
        ),
        (
            "let a = 1\0;",
            "P001:\0: a NUL byte stands here | the file is damaged, or saved as UTF-16",
        ),
        (
            "let\u{a0}a = 1;",
            "P001:\u{a0}: a character that cannot be seen, U+00A0 stands here | take it out",
        ),
    ];
    for (body, expected) in table {
        let found = findings(&sources(&format!("fn on_tick(t, m, p) {{ {body} }}")));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{body}: {found:#?}");
    }
}

#[test]
fn mistakes_are_found_before_running() {
    let table = [
        ("let a = stp;", "P002:stp: unknown variable `stp` | -"),
        (
            "let stop = 1; let a = stpo;",
            "P002:stpo: unknown variable `stpo` | did you mean `stop`?",
        ),
        ("let a = 1e-3;", "P001:1e-3: `1e-3` is no number | write decimals in full"),
        ("let a = 2.5E6;", "P001:2.5E6: `2.5E6` is no number | write decimals in full"),
        ("if true {", "P001:"),
        ("move_stop(t, 1, \"w\");", "P004:move_stop: unknown function `move_stop` | "),
        (
            "updat_stop_loss(t, 1, \"w\");",
            "P004:updat_stop_loss: unknown function `updat_stop_loss` | \
             did you mean `update_stop_loss`? it is update_stop_loss(t: Transaction",
        ),
        (
            "ratchet_stop(t, 96);",
            "P004:ratchet_stop: ratchet_stop takes 3 arguments, not 2 | it is ",
        ),
        (
            "t.entry.offset_pc(-1);",
            "P004:offset_pc: unknown function `offset_pc` | \
             did you mean `offset_pct`? it is offset_pct(percent: decimal) -> Price",
        ),
        (
            "close_position(t, \"\");",
            "P004:\"\": close_position needs a reason: it goes to the ledger | -",
        ),
        (
            "sleep(1);",
            "P004:sleep: unknown function `sleep` | a policy never waits; use TIMERS and on_timer",
        ),
        ("timestamp();", "P004:timestamp: unknown function `timestamp` | a policy has no clock"),
        ("eval(\"1\");", "P001:eval: "),
        ("import \"x\" as y;", "P001:import: "),
        (
            "risk::x(t);",
            "P003:risk: there is no working library `risk` | it would be lib/risk.rhai",
        ),
        (
            "let a = 7 / 2;",
            "P008:/: a whole number divided by a whole number loses its fraction | write one",
        ),
        ("let a = p.n / 2;", "P008:/: a whole number divided"),
        ("let a = t.stop_loss;", "P003:stop_loss: Transaction has no `stop_loss` | -"),
        (
            "let a = t.peak;",
            "P003:peak: Transaction has no `peak` | Market has `peak_since(t: Transaction) -> Price`, \
             Portfolio has `peak: decimal`",
        ),
        ("let a = m.bdi;", "P003:bdi: Market has no `bdi` | did you mean `bid`?"),
        (
            "let a = p.trial_pct;",
            "P003:trial_pct: Params has no `trial_pct` | did you mean `trail_pct`?",
        ),
        (
            "let a = t.entry.offset_pct(1).valu;",
            "P003:valu: Price has no `valu` | did you mean `value`?",
        ),
        ("let f = |x| x;", "P001:"),
        ("let t = 1;", "P001:t: `t` is there already | a second one would hide the first"),
    ];
    for (body, expected) in table {
        let params = "const PARAMS = #{ n: #{ type: \"int\", init: 1 },
                       trail_pct: #{ type: \"decimal\", init: 1.0 } };";
        let script = format!("{params}\nfn on_tick(t, m, p) {{ {body} }}");
        let found = findings(&sources(&script));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{body}: {found:#?}");
    }
}

/// One row for each trap that was seen elsewhere: what is written, and what is said about it.
#[test]
fn traps_are_found_before_running() {
    let table = [
        (
            "if t.stop == () { }",
            "P012:==: a comparison with () decides nothing here | missing data",
        ),
        ("if 2.0 > () { }", "P012:>: "),
        ("let a = 1 << 200;", "P013:<<: `<<` works on bits"),
        (
            "if t.is_open & m.has_quote { }",
            "P013:&: `&` works on bits and overflows without a word | and",
        ),
        ("let a = 3; a |= 4;", "P013:|=: `|=` works on bits"),
        ("let a = t.entry.value.round();", "P014:round: `round` knows no ticks"),
        ("let a = floor(m.bid.value * 1.01);", "P014:floor: "),
        (
            "if m.price == 100.0 { }",
            "P015:==: a price does not compare with a number | compare prices",
        ),
        ("if m.price > 100 { }", "P015:>: a price does not compare with a whole number"),
        (
            "if t.age() > 5 { }",
            "P015:>: a length of time does not compare with a whole number | write",
        ),
        ("if t.qty == \"10\" { }", "P015:==: a number does not compare with a text"),
        (
            "ratchet_stop(t, \"95\", \"w\");",
            "P015:\"95\": price of ratchet_stop is a text; it takes Price | decimal | int | it is ",
        ),
        (
            "ratchet_stop(m, 95, \"w\");",
            "P015:m: t of ratchet_stop is a market; it takes Transaction",
        ),
        ("let a = days(p.trail_pct);", "P015:p: n of days is a number; it takes int"),
        ("this.kept = Fn(\"x\");", "P016:Fn: a function cannot be kept"),
        ("this.kpet = 1;", "P017:kpet: STATE declares no kpet | did you mean `this.kept`?"),
        ("if this.other.more > 1 { }", "P017:other: STATE declares no other | declare it"),
        ("loop { break; }", "P019:loop: a `loop` ends only where"),
        ("while t.is_open { break; }", "P019:while: a `while` may run until"),
        ("do { break; } while t.is_open;", "P019:do: a `while` may run until"),
    ];
    for (body, expected) in table {
        let params = "const PARAMS = #{ n: #{ type: \"int\", init: 1 },
                       trail_pct: #{ type: \"decimal\", init: 1.0 } };
                      const STATE = #{ kept: 0 };";
        let script = format!(
            "{params}\nfn on_tick(t, m, p) {{ {body} }} fn on_open(t, p) {{ p.n; p.trail_pct; }}"
        );
        let found = all_findings(&sources(&script));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{body}: {found:#?}");
    }
}

#[test]
fn traps_of_a_file_are_found() {
    let tick = "fn on_tick(t, m, p) {}";
    let timer = "const TIMERS = #{ eod: \"every 5m\" };";
    let table = [
        (
            format!("{tick} fn close_position(t, why) {{ }}"),
            "P020:close_position: `close_position` is the toolkit's own, and this one takes its place",
        ),
        (format!("{tick} {timer}"), "P022:eod: the timer eod beats, and there is no on_timer"),
        (
            format!("{timer} fn on_timer(t, name, p) {{ if name == \"oed\" {{ }} }}"),
            "P022:\"oed\": TIMERS has no oed, so this never happens | did you mean `eod`?",
        ),
        (
            format!("const PARAMS = #{{ lost: #{{ type: \"int\", init: 1 }} }}; {tick}"),
            "P023:lost: nothing reads the parameter `lost`",
        ),
        (
            "const STATE = #{ n: 0 }; fn on_tick(t, m, p) { helper(t); } fn helper(t) { this.n = 1; }"
                .to_owned(),
            "P018:this: `this` is empty in helper: only handlers have it | pass it on",
        ),
    ];
    for (script, expected) in table {
        let found = all_findings(&sources(&script));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{script}: {found:#?}");
    }
    // Called as a method, a helper has the state.
    let method = "fn on_tick(t, m, p) { this.count(); } fn count() { this.n = 1; }";
    assert_eq!(all_findings(&sources(method)), [""; 0]);
}

/// A verb that the configuration does not allow is told before it is refused.
#[test]
fn verbs_that_are_not_allowed_are_told() {
    let script = "fn on_tick(t, m, p) { close_position(t, \"a\"); close_position(t, \"b\"); \
                  ratchet_stop(t, 1, \"c\"); clear_take_profit(t, \"d\"); }";
    let set = PolicySet::build(&sources(script), None).set;
    let policy = set.iter().next().expect("p");
    assert_eq!(policy.not_allowed(&crate::Verbs::default()), []);
    let only = crate::Verbs::only(["ratchet_stop"]).expect("a verb");
    let found: Vec<String> = policy.not_allowed(&only).iter().map(|d| d.one_line()).collect();
    assert_eq!(
        found,
        [
            "policies/p.rhai:2:23: the configuration of p does not allow close_position",
            "policies/p.rhai:2:96: the configuration of p does not allow clear_take_profit",
        ]
    );
}

#[test]
fn files_as_a_whole_are_checked() {
    let good = "fn on_tick(t, m, p) {}";
    let table = [
        (
            "fn on_tik(t, m, p) {} fn on_open(t, p) {}",
            "P005:on_tik: there is no event on_tik | did you mean `on_tick`?",
        ),
        (
            "fn on_tick(t, p) {}",
            "P005:on_tick: on_tick takes 3 parameters, not 2 | write `fn on_tick(t, m, p)`",
        ),
        (
            "let x = 1; fn on_tick(t, m, p) {}",
            "P007:let: only const and fn may stand outside of functions | -",
        ),
        ("close_position(1, \"w\"); fn on_tick(t, m, p) {}", "P007:close_position: only const"),
        ("fn helper() {}", "P010:: the script handles no event | define"),
        ("const PARAMS = 3; fn on_tick(t, m, p) {}", "P006:PARAMS: PARAMS must be a map"),
        (
            "const PARAMS = #{ a: #{ type: \"decimal\" } }; fn on_tick(t, m, p) {}",
            "P006:a: a needs init",
        ),
        (
            "const PARAMS = #{ a: #{ type: \"float\", init: 1.0 } }; fn on_tick(t, m, p) {}",
            "P006:a: a needs a type",
        ),
        (
            "const PARAMS = #{ a: #{ type: \"int\", init: 1, max: 0 } }; fn on_tick(t, m, p) {}",
            "P006:a: a = 1 is above",
        ),
        (
            "const PARAMS = #{ a: #{ type: \"int\", init: 1, maxx: 0 } }; fn on_tick(t, m, p) {}",
            "P006:maxx: a has no maxx; did you mean max?",
        ),
        (
            "const TIMERS = #{ eod: \"at noon\" }; fn on_tick(t, m, p) {}",
            "P006:eod: the timer eod: noon is no time of day",
        ),
    ];
    for (script, expected) in table {
        let found = findings(&sources(script));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{script}: {found:#?}");
    }
    assert_eq!(findings(&sources(good)), Vec::<String>::new());
}

#[test]
fn the_header_is_required_and_checked() {
    let table = [
        ("", "P010:: the file is empty"),
        ("fn on_tick(t, m, p) {}", "P006:: the script has no POLICY | begin with"),
        (
            "const POLICY = #{ version: \"1\" }; fn on_tick(t, m, p) {}",
            "P006:POLICY: POLICY needs api: 1",
        ),
        (
            "const POLICY = #{ version: \"1\", api: 2 }; fn on_tick(t, m, p) {}",
            "P006:POLICY: POLICY needs api: 1",
        ),
        (
            "const POLICY = #{ name: \"q\", version: \"1\", api: 1 }; fn on_tick(t, m, p) {}",
            "P006:name: the name must be the file's",
        ),
        (
            "const POLICY = #{ version: \"1\", api: 1, on_error: \"panic\" };\n \
             fn on_tick(t, m, p) {}",
            "P006:on_error: on_error is \"keep\", \"tighten\" or \"close\"",
        ),
        (
            "const POLICY = #{ version: \"1\", api: 1, on_error: \"tighten\" };\n \
             fn on_tick(t, m, p) {}",
            "P006:on_error: on_error: \"tighten\" needs tighten_pct",
        ),
        (
            "const POLICY = #{ version: \"1\", api: 1, tighten_pct: 2.0 };\n \
             fn on_tick(t, m, p) {}",
            "P006:tighten_pct: tighten_pct goes with",
        ),
        (
            "const POLICY = #{ version: \"1\", api: 1, remove: [] }; fn on_tick(t, m, p) {}",
            "P006:remove: POLICY has no remove; did you mean removed?",
        ),
    ];
    for (text, expected) in table {
        let file = SourceFile::new("p", "p.rhai", text);
        let found = findings(&Sources { policies: vec![file], ..Sources::default() });
        assert!(found.len() == 1 && found[0].starts_with(expected), "{text}: {found:#?}");
    }
}

/// What a handler is given is followed into the script's own functions.
#[test]
fn helpers_are_checked_by_how_they_are_called() {
    let found = |body: &str| {
        let script =
            format!("fn on_tick(t, m, p) {{ a(t, m); }} fn on_open(t, p) {{ b(t); }} {body}");
        findings(&sources(&script))
    };
    let stray = ["P003:stpo: Transaction has no `stpo` | did you mean `stop`?"];
    assert_eq!(found("fn a(x, y) { b(x); } fn b(x) { let s = x.stpo; }"), stray);
    // Called with two types, or with something unknown: nothing is said.
    assert_eq!(found("fn a(x, y) { b(y); } fn b(x) { let s = x.stpo; }"), [""; 0]);
    assert_eq!(found("fn a(x, y) { let k = [x]; b(k[0]); } fn b(x) { let s = x.stpo; }"), [""; 0]);
}

/// A script's own constants are visible in its functions.
#[test]
fn constants_reach_functions() {
    let bed = super::bed("const STEP = 3; fn on_tick(t, m, p) { note(\"n\", STEP + 1); }");
    assert_eq!(bed.tick().notes, [("n".to_owned(), "4".to_owned())]);
}
