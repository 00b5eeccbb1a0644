//! What the configuration accepts, and what it says about each mistake.

use std::path::Path;

use bracketd_core::book::OnShutdown;
use bracketd_policy::Verbs;

use super::{check_text, schema};

const GOOD: &str = r#"
schema = 1
data_dir = "data"
[server]
bind = "127.0.0.1:9000"
[policies]
dir = "rules"
poll = "1s"
[policy.trailing_stop]
params = { distance = "2.5", steps = 3, eager = true }
verbs = ["ratchet_stop"]
[[account]]
name = "alpaca-main"
plugin = "plugins/alpaca.wasm"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
policies = ["trailing_stop"]
portfolio_policies = ["drawdown"]
settings = { base_url = "https://paper-api.alpaca.markets" }
secrets = { key_id = { file = "secrets/key" }, key = { env = "ALPACA_KEY", hosts = ["paper-api.alpaca.markets"] } }
armed = true
protection_deadline = "2500ms"
on_breached = "market_close"
on_partial = "cancel_rest"
stop_may_loosen = false
collar = "12.5%"
stale_price = "5s"
exit_time_in_force = "day"
max_day_loss = "500"
max_drawdown = "12.5%"
on_shutdown = "cancel_entries"
[account.guards]
max_order_notional = "25000"
duplicate_window = "500ms"
min_step = "5 ticks"
min_distance = "0.2%"
symbols_denied = ["GME"]
outside_session = "allow"
[account.guards.symbol.TSLA]
max_order_quantity = "100"
[[account.grant]]
host = "paper-api.alpaca.markets"
paths = ["/v2/"]
"#;

fn complaints(text: &str) -> Vec<(usize, &'static str, String, String)> {
    check_text(Path::new("bracketd.toml"), text)
        .diagnostics
        .into_iter()
        .map(|d| (d.position().0, d.code, d.message.clone(), d.help.unwrap_or_default()))
        .collect()
}

#[test]
fn a_good_file_becomes_a_configuration_without_units() {
    let checked = check_text(Path::new("/etc/bracketd/bracketd.toml"), GOOD);
    assert_eq!(checked.diagnostics, vec![]);
    let config = checked.config.unwrap();
    assert_eq!(config.data_dir, Path::new("/etc/bracketd/data"));
    assert_eq!(config.bind.port(), 9000);
    assert_eq!(config.policies_poll_ms, 1_000);
    let account = &config.accounts[0];
    assert_eq!(account.plugin, Path::new("/etc/bracketd/plugins/alpaca.wasm"));
    assert_eq!(account.rules.protection_deadline_ms, 2_500);
    assert_eq!(account.rules.collar_percent.to_string(), "12.5");
    assert!(account.rules.armed);
    let guards = &account.rules.guards;
    let limits = |name: &str| guards.order_limits(&name.into());
    assert_eq!(limits("TSLA").notional, limits("AAPL").notional, "as for all");
    assert_eq!(limits("TSLA").quantity.map(|q| q.to_string()).as_deref(), Some("100"));
    assert_eq!((limits("AAPL").quantity, guards.duplicate_window_ms), (None, 500));
    assert_eq!(guards.min_step.map(|d| d.to_string()).as_deref(), Some("5 ticks"));
    assert!(guards.symbols_denied.contains(&"GME".into()));
    let written = "armed collar duplicate_window max_day_loss max_drawdown max_order_notional \
                   min_distance min_step outside_session stale_price stop_may_loosen symbols_denied";
    let found: Vec<_> = account.guards_written.iter().copied().collect();
    assert_eq!(found.join(" "), written);
    assert_eq!(account.rules.max_day_loss.unwrap().to_string(), "500");
    assert_eq!(account.rules.max_drawdown_percent.unwrap().to_string(), "12.5");
    assert_eq!(account.rules.on_shutdown, OnShutdown::CancelEntries);
    assert_eq!(account.secrets["key_id"].hosts, None);
    assert_eq!(
        account.secrets["key"].hosts.as_deref(),
        Some(&["paper-api.alpaca.markets".to_owned()][..])
    );
    assert_eq!((account.grants[0].scheme.as_str(), account.grants[0].port), ("https", 443));
}

/// What the check takes is what the daemon starts with.
#[test]
fn every_verb_of_the_list_can_be_allowed() {
    for verb in Verbs::known() {
        let text = format!("schema = 1\npolicy.x.verbs = ['{verb}']\n");
        let config = check_text(Path::new("x.toml"), &text).config.expect(verb);
        let allowed = config.policies[&"x".into()].verbs.clone().expect("a list");
        assert_eq!(allowed.iter().collect::<Vec<_>>(), [verb]);
    }
}

#[test]
fn an_account_is_disarmed_unless_the_file_says_otherwise() {
    let text = "schema = 1\n[[account]]\nname = \"a\"\nplugin = \"a.wasm\"\n";
    let config = check_text(Path::new("x.toml"), text).config.unwrap();
    assert!(!config.accounts[0].rules.armed);
    assert_eq!(config.accounts[0].messages_per_minute, 200);
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = "schema = 1
[servr]
bind = 'x'
[server]
bind = '0.0.0.0:80'
[policies]
poll = 3
[[account]]
name = 'a'
plugn = 'a.wasm'
protection_deadline = '3'
on_breached = 'market_closed'
[[account]]
name = 'a'
plugin = 'b.wasm'
";
    // Mistakes of shape do not hide those of meaning: the open bind, the unit, the names.
    let found = complaints(text);
    let codes: Vec<_> = found.iter().map(|(line, code, ..)| (*line, *code)).collect();
    let shape = [(2, "C002"), (7, "C004"), (8, "C003"), (10, "C002"), (12, "C005")];
    let meaning = [(5, "C005"), (11, "C005"), (14, "C006")];
    let mut all: Vec<_> = shape.into_iter().chain(meaning).collect();
    all.sort_unstable();
    assert_eq!(codes, all);
    assert_eq!(found[0].3, "did you mean `server`?");
    assert_eq!(found[4].3, "did you mean `plugin`?");
    assert_eq!(found[6].3, "did you mean \"market_close\"?");
}

#[test]
fn each_wrong_meaning_is_told_with_what_to_write_instead() {
    let account = "[[account]]\nname = 'a'\nplugin = 'a.wasm'\n";
    let rows = [
        ("schema = 2\n", 1, "`schema` 2 is not known", ""),
        ("schema = 1\nserver.bind = '0.0.0.0:80'\n", 2, "loopback", "127.0.0.1:80"),
        ("schema = 1\npolicies.poll = '3'\n", 2, "not a span", "\"3s\""),
        ("schema = 1\npolicies.poll = '1ms'\n", 2, "between 500ms and 1m", "\"2s\""),
        ("schema = 1\npolicy.x.verbs = ['rachet_stop']\n", 2, "no verb", "\"ratchet_stop\""),
        (
            "schema = 1\npolicy.x.verbs = ['clear_take_profit']\n",
            2,
            "no verb",
            "\"update_take_profit\"",
        ),
        ("schema = 1\nACCOUNTcollar = '50'\n", 5, "not a percentage", "\"50%\""),
        ("schema = 1\nACCOUNTsha256 = 'abc'\n", 5, "64 hexadecimal", "sha256sum"),
        ("schema = 1\nACCOUNTsecrets = { k = {} }\n", 5, "secret `k`", "file = "),
        ("schema = 1\nACCOUNTsecrets = { k = { env = 'K', hosts = [] } }\n", 5, "no host", "leave"),
        (
            "schema = 1\nACCOUNTgrant = [{ host = 'a.example' }]\n\
             secrets = { k = { env = 'K', hosts = ['b.example'] } }\n",
            6,
            "is for b.example, which no grant names",
            "did you mean \"a.example\"?",
        ),
        ("schema = 1\nACCOUNTgrant = [{ host = 'https://x' }]\n", 5, "not one host", "name only"),
        ("schema = 1\nACCOUNTACCOUNT", 6, "two accounts are named", ""),
        ("schema = 1\nACCOUNTpoll_fills = '5s'\n", 5, "between 200ms and 2s", "\"1s\""),
        (
            "schema = 1\nACCOUNTmessages_per_minute = 0\n",
            5,
            "between 60 and",
            "no word for no limit",
        ),
        ("schema = 1\nACCOUNTmax_day_loss = '5%'\n", 5, "`max_day_loss`", "decimal number"),
        ("schema = 1\nACCOUNTmax_day_loss = '0'\n", 5, "`max_day_loss`", "leave the key out"),
        ("schema = 1\nACCOUNTmax_drawdown = '10'\n", 5, "`max_drawdown`", "\"10%\""),
        ("schema = 1\nACCOUNTmax_drawdown = '100%'\n", 5, "below 100%", "\"10%\""),
        ("schema = 1\nACCOUNTon_shutdown = 'cancel'\n", 5, "`account.on_shutdown`", ""),
        ("schema = 1\nACCOUNTguards.max_exposure = '1,000'\n", 5, "not an amount", "\"500\""),
        ("schema = 1\nACCOUNTguards.max_exposure = '0'\n", 5, "not an amount", "leave the key out"),
        ("schema = 1\nACCOUNTguards.max_order_quantity = '1e3'\n", 5, "not an amount", "decimal"),
        ("schema = 1\nACCOUNTguards.max_order_quantity = '2000000000'\n", 5, "at most", ""),
        ("schema = 1\nACCOUNTguards.min_step = '5'\n", 5, "not a distance", "\"5 ticks\""),
        ("schema = 1\nACCOUNTguards.min_distance = '1 ticks'\n", 5, "not a distance", "between 2"),
        ("schema = 1\nACCOUNTguards.duplicate_window = '1'\n", 5, "not a span", "\"1s\""),
        ("schema = 1\nACCOUNTguards.duplicate_window = '2m'\n", 5, "between 0ms and 1m", "\"1s\""),
        ("schema = 1\nACCOUNTguards.stop_moves_per_minute = 0\n", 5, "between 1 and 600", "is 60"),
        ("schema = 1\nACCOUNTguards.max_closes_per_minute = 0\n", 5, "between 1 and", "is 5"),
        ("schema = 1\nACCOUNTguards.symbols_allowed = []\n", 3, "nothing could be", "leave it out"),
        (
            "schema = 1\nACCOUNTguards.symbols_allowed = ['A']\nguards.symbols_denied = ['A']\n",
            5,
            "allowed and denied",
            "denied wins",
        ),
        (
            "schema = 1\nACCOUNTguards.outside_session = 'allowed'\n",
            5,
            "does not take",
            "\"allow\"",
        ),
        ("schema = 1\nACCOUNTguards.max_expsure = '1'\n", 5, "unknown key", "`max_exposure`"),
        ("schema = 1\nACCOUNTmax_day_loss = '5%'\n", 5, "`max_day_loss`", "\"500\""),
        ("schema = 1\nACCOUNTmax_day_loss = '0'\n", 5, "`max_day_loss`", "no limit"),
        ("schema = 1\nACCOUNTmax_drawdown = '10'\n", 5, "`max_drawdown`", "\"10%\""),
        ("schema = 1\nACCOUNTmax_drawdown = '100%'\n", 5, "below 100%", "\"10%\""),
        ("schema = 1\nACCOUNTon_shutdown = 'cancel'\n", 5, "`account.on_shutdown`", ""),
    ];
    told_with_help(&rows, account);
}

#[test]
fn what_does_not_go_with_a_grant_for_a_socket_is_told_with_what_does() {
    let account = "[[account]]\nname = 'a'\nplugin = 'a.wasm'\n";
    let rows = [
        (
            "schema = 1\nACCOUNTgrant = [{ host = 'x', frames = [{ text = 'ping' }] }]\n",
            5,
            "scheme \"https\"",
            "for wss or ws",
        ),
        (
            "schema = 1\nACCOUNTgrant = [{ scheme = 'ws', host = 'x', read = true }]\n",
            5,
            "scheme \"ws\"",
            "list its `frames`",
        ),
        (
            "schema = 1\nACCOUNTgrant = [{ scheme = 'wss', host = 'x', methods = ['GET'] }]\n",
            5,
            "scheme \"wss\"",
            "no methods",
        ),
        (
            "schema = 1\nACCOUNTgrant = [{ scheme = 'wss', host = 'x', frames = [{ key = 'a' }] }]\n",
            5,
            "a key and a value",
            "action",
        ),
    ];
    told_with_help(&rows, account);
}

/// Each text with the line, the words and the help of its only complaint.
fn told_with_help(rows: &[(&str, usize, &str, &str)], account: &str) {
    for (text, line, message, help) in rows {
        let text = text.replace("ACCOUNT", account);
        let found = complaints(&text);
        assert_eq!(found.len(), 1, "{text}\n{found:?}");
        assert_eq!(found[0].0, *line, "{text}");
        assert!(found[0].2.contains(message), "{:?} lacks {message:?}", found[0].2);
        assert!(found[0].3.contains(help), "{:?} lacks {help:?}", found[0].3);
    }
}

#[test]
fn numbers_and_words_of_the_wrong_type_are_told_with_the_right_one() {
    let rows = [
        ("schema = 1\npolicy.x.params = { d = 2.5 }\n", "decimal numbers stand in quotes: \"2.5\""),
        ("schema = 1\n[account]\nname = 'a'\n", "[[account]]"),
        ("schema = '1'\n", ""),
        ("schema = 1\n[[account]]\nname='a'\nplugin='p'\ngrant=[{host='h',port=70000}]\n", ""),
    ];
    for (text, help) in rows {
        let found = complaints(text);
        assert_eq!(found.len(), 1, "{text}\n{found:?}");
        assert_eq!(found[0].1, "C004", "{text}");
        assert!(found[0].3.contains(help), "{:?} lacks {help:?}", found[0].3);
    }
}

#[test]
fn broken_syntax_is_told_with_its_place() {
    let found = complaints("schema = 1\n[server\nbind = \n");
    assert!(found.iter().all(|f| f.1 == "C001"), "{found:?}");
    assert!(found.iter().any(|f| f.0 == 2), "{found:?}");
}

#[test]
fn a_typo_in_any_key_is_found_and_the_key_named() {
    let mut keys = Vec::new();
    collect_keys(&schema(), "", &mut keys);
    assert!(keys.len() > 30, "{keys:?}");
    for (path, key) in keys {
        let typo = format!("{key}x");
        let table = match path.as_str() {
            "" => format!("schema = 1\n{typo} = 1\n"),
            "account[].secrets.*" => wrap(&format!("secrets = {{ k = {{ {typo} = 'x' }} }}")),
            "account[].grant[].frames[]" => {
                wrap(&format!("grant = [{{ host = 'h', frames = [{{ {typo} = 'x' }}] }}]"))
            }
            "account[].grant[]" => wrap(&format!("grant = [{{ {typo} = 'x' }}]")),
            "account[].guards" => wrap(&format!("guards = {{ {typo} = 'x' }}")),
            "account[].guards.symbol.*" => wrap(&format!("guards.symbol.A = {{ {typo} = 'x' }}")),
            "account[]" => wrap(&format!("{typo} = 1")),
            "policy.*" => format!("schema = 1\n[policy.a]\n{typo} = 1\n"),
            other => format!("schema = 1\n[{other}]\n{typo} = 1\n"),
        };
        let hint = format!("did you mean `{key}`?");
        assert!(complaints(&table).iter().any(|f| f.3 == hint), "{path}.{typo}: no {hint}");
    }
}

fn wrap(line: &str) -> String {
    format!("schema = 1\n[[account]]\nname = 'a'\nplugin = 'p'\n{line}\n")
}

fn collect_keys(schema: &serde_json::Value, path: &str, out: &mut Vec<(String, String)>) {
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        out.push((path.to_owned(), key.clone()));
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        collect_keys(inner, &path, out);
        collect_keys(&inner["items"], &format!("{path}[]"), out);
        collect_keys(&inner["additionalProperties"], &format!("{path}.*"), out);
    }
}
