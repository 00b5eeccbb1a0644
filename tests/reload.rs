//! Policies edited while they decide (I11).

use crate::harness::{Daemon, Dir, Exchange};

/// Keeps the stop so many ticks of a whole unit under the bid.
fn follow(distance: &str) -> String {
    format!(
        r#"const POLICY = #{{ name: "follow", version: "1", api: 1 }};
const PARAMS = #{{}};

fn on_tick(t, m, p) {{
    ratchet_stop(t, m.price.offset_money(-{distance}), "follow the price");
}}
"#
    )
}

#[test]
fn an_edit_changes_the_next_decision_and_a_broken_one_is_shown_and_not_taken() {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    exchange.price("AAA", "100.00", "100.02");
    let daemon = Daemon::start(&dir, &exchange, &[("follow", &follow("5.0"))]);
    let stop_is =
        |price: &'static str| move |d: &Daemon| d.tx(1)["legs"]["stop"]["working"] == price;
    daemon.ask("tx open AAA long 10 --stop 90 --target 130 --plain");
    daemon.until("the first version moved the stop", stop_is("95"));

    dir.write("policies/follow.rhai", &follow("4.0"));
    daemon.until("the second version is taken", |d| {
        d.ask("policy list --json").stdout.contains("\"refused\": []")
            && d.log().matches("policy_loaded").count() >= 2
    });
    exchange.price("AAA", "101.00", "101.02");
    daemon.until("the second version decides", stop_is("97"));

    dir.write("policies/follow.rhai", "fn on_tick(t, m, p) {\n    ratchet_stpo(t, 3);\n}\n");
    daemon.until("the broken version is refused", |d| d.log().contains("policy_refused"));
    let shown = daemon.ask("policy check");
    assert_eq!(shown.code, Some(1));
    let place = shown.stdout.clone() + &shown.stderr;
    for part in ["follow.rhai:2:5", "ratchet_stpo", "^", "ratchet_stop"] {
        assert!(place.contains(part), "{part} in\n{place}");
    }
    exchange.price("AAA", "102.00", "102.02");
    daemon.until("the second version goes on deciding", stop_is("98"));
}
