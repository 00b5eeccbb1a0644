//! Parameters: steps, scopes, values that have to go together, and a file that is taken whole or not
//! at all.

use std::sync::Arc;

use bracketd_core::ids::TransactionId;

use super::{HEADER, policy};
use crate::{About, Params, PolicySet, Scope, SourceFile, Sources, ValueFile, Written};

const SCRIPT: &str = r#"const PARAMS = #{
    near: #{ type: "decimal", init: 1.0, min: 0.5, max: 9.5, step: 0.25, unit: "%" },
    far: #{ type: "decimal", init: 2.0, min: 0.5, max: 9.5 },
};
fn check_params(p) { if p.near >= p.far { `near ${p.near} is not below far ${p.far}` } }
fn on_tick(t, m, p) { note("far", p.far); }
"#;

/// Values as `scope name=text`, such as `symbol:AAPL far=3`.
pub(super) fn file(lines: &[&str]) -> Arc<ValueFile> {
    let written = |line: &&str| {
        let (scope, rest) = line.split_once(' ').expect("a scope");
        let (name, text) = rest.split_once('=').expect("a value");
        let scope = match scope.split_once(':') {
            None => Scope::Global,
            Some(("account", name)) => Scope::Account(name.into()),
            Some(("symbol", name)) => Scope::Symbol(name.into()),
            Some((_, id)) => Scope::Transaction(TransactionId(id.parse().expect("a number"))),
        };
        let (policy, name, text) = ("p".to_owned(), name.to_owned(), text.to_owned());
        Written { policy, scope, name, text, span: (0, 0) }
    };
    Arc::new(ValueFile {
        file: SourceFile::new("params", "policies/params.toml", &lines.join("\n")),
        values: lines.iter().map(written).collect(),
        findings: Vec::new(),
    })
}

fn sources(script: &str, lines: &[&str]) -> Sources {
    let script = SourceFile::new("p", "policies/p.rhai", &format!("{HEADER}{script}"));
    let values = (!lines.is_empty()).then(|| file(lines));
    Sources { policies: vec![script], values, ..Sources::default() }
}

/// The values of near and far with their origins, there.
fn seen(set: &PolicySet, about: &About<'_>) -> String {
    let none = Params::default();
    let params = set.params(&policy()).unwrap_or(&none);
    let all = set.policy(&policy()).expect("a policy").effective(params, about).expect("they fit");
    let line = |name| all.iter().find(|one| one.spec.name == name).expect("a parameter");
    let text = |name| format!("{} ({})", line(name).value, line(name).from);
    format!("{} {}", text("near"), text("far"))
}

#[test]
fn the_narrower_scope_wins_and_every_value_names_its_origin() {
    let lines = ["* far=3", "account:a far=4", "symbol:S far=5", "tx:7 near=2.5"];
    let mut config = Params::default();
    config.set("near", "1.5");
    let sources = Sources { config: [(policy(), config)].into(), ..sources(SCRIPT, &lines) };
    let report = PolicySet::build(&sources, None);
    assert_eq!((report.refused, report.params_refused), (vec![], vec![]));
    let (account, symbol) = ("a".into(), "S".into());
    let about = |account, symbol, id: Option<u64>| About {
        account,
        symbol,
        transaction: id.map(TransactionId),
    };
    let rows = [
        (About::ANY, "1.5 (config) 3 (params.toml)"),
        (about(Some(&account), None, None), "1.5 (config) 4 (params.toml account a)"),
        (about(Some(&account), Some(&symbol), Some(1)), "1.5 (config) 5 (params.toml symbol S)"),
        (
            about(Some(&account), Some(&symbol), Some(7)),
            "2.5 (params.toml tx 7) 5 (params.toml symbol S)",
        ),
    ];
    for (about, expected) in rows {
        assert_eq!(seen(&report.set, &about), expected);
    }
}

#[test]
fn i11_values_are_taken_as_one_set_or_not_at_all() {
    let good = PolicySet::build(&sources(SCRIPT, &["* far=3", "symbol:S near=2"]), None).set;
    let before = seen(&good, &About::ANY);
    let rows: [(&[&str], &str); 7] = [
        (&["* far=4", "* near=10"], "above its largest value 9.5"),
        (&["* far=4", "* near=0.6"], "is on no step of 0.25 from 0.5"),
        (&["* far=4", "* naer=1"], "did you mean near?"),
        (&["* far=4", "* near=x"], "is no decimal"),
        (&["* far=1"], "near 1.0 is not below far 1"),
        // Each fits alone; together for that symbol of that account they do not.
        (
            &["account:a far=3", "symbol:S near=4", "symbol:S far=5", "tx:3 far=4"],
            "near 4 is not below",
        ),
        (&["symbol:S near=2"], "near 2 is not below far 2.0"),
    ];
    for (lines, expected) in rows {
        let report = PolicySet::build(&sources(SCRIPT, lines), Some(&good));
        let said = report
            .params_refused
            .first()
            .map(|found| format!("{} {}", found.message, found.help.clone().unwrap_or_default()));
        let said = said.unwrap_or_else(|| panic!("{lines:?} is taken"));
        assert!(said.contains(expected), "{lines:?}: {said}");
        assert_eq!(seen(&report.set, &About::ANY), before, "{lines:?}");
        assert_eq!(report.params_changed, [""; 0], "{lines:?}");
    }
    let report = PolicySet::build(&sources(SCRIPT, &["* far=3.5", "symbol:S near=2"]), Some(&good));
    assert_eq!(report.params_changed, ["p.far (params.toml): 3 -> 3.5"]);
}

#[test]
fn i11_a_script_and_its_values_switch_together_or_stay_together() {
    let good = PolicySet::build(&sources(SCRIPT, &["* far=3"]), None).set;
    let wider = SCRIPT.replace(
        "far: #{ type: \"decimal\", init: 2.0, min: 0.5, max: 9.5 }",
        "far: #{ type: \"decimal\", init: 20.0, max: 90.0 }",
    );
    let together = PolicySet::build(&sources(&wider, &["* far=50"]), Some(&good));
    assert_eq!((together.refused.len(), together.params_refused.len()), (0, 0));
    assert_eq!(seen(&together.set, &About::ANY), "1.0 (script) 50 (params.toml)");
    // The next version has no such parameter, and the file is gone: its last values go on, and with
    // them the version that they fit.
    let other = "const PARAMS = #{ x: #{ type: \"int\", init: 1 } };\nfn on_tick(t, m, p) { note(\"x\", p.x); }";
    let report = PolicySet::build(&sources(other, &[]), Some(&together.set));
    assert_eq!(seen(&report.set, &About::ANY), "1.0 (script) 50 (params.toml)");
    assert!(!report.params_refused.is_empty() || !report.refused.is_empty());
    assert!(report.warnings.iter().any(|found| found.message.contains("params.toml is gone")));
}
