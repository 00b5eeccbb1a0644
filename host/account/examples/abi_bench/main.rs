//! What the interface itself costs: an `adjust-sl` into a guest that only hands back what it was
//! given, typed as plugins have it, and the same as JSON over a core module:
//! `abi_bench JSON_GUEST.wasm`, which `cargo xtask bench` builds. Build it in release mode.

#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "the guests of the tests; a benchmark needs one of them"
)]
#[path = "../../src/tests/guest.rs"]
mod guest;
mod json;

use bracketd_account::{AccountConfig, ClockSource, Host, Limits, PollConfig, call_cost};

/// Calls each way.
const CALLS: usize = 20_000;

/// Answers with the legs of the request, `unchanged`: the offsets are the canonical ABI's. What the
/// host put into its memory is forgotten with each call.
const ECHO: &str = r#"
(func (export "ACCOUNT#adjust-sl") (param i32) (result i32)
  (global.set $heap (i32.const 8192))
  (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
  (i32.store (i32.const 4360) (i32.load offset=280 (local.get 0)))
  (i32.store (i32.const 4364) (i32.load offset=284 (local.get 0)))
  (i32.const 4352))
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let json_guest = std::env::args().nth(1).ok_or("usage: abi_bench JSON_GUEST.wasm")?;
    let echo = guest::Guest { hostile: ECHO.to_owned(), ..guest::Guest::default() };
    let host = Host::new()?;
    let plugin = host.load(&echo.build(), "echo")?;
    let mut json = json::Guest::load(&std::fs::read(json_guest)?)?;
    for _ in 0..3 {
        let typed = call_cost(&host, &plugin, config(), CALLS)?;
        let as_json = json.median_ns(CALLS)?;
        println!(
            "interface of an adjust-sl: typed {} ns, of them {} ns the bare call; as JSON {as_json} \
             ns; ratio {:.2}",
            typed.hosted_ns,
            typed.bare_ns,
            typed.hosted_ns as f64 / as_json as f64,
        );
    }
    Ok(())
}

fn config() -> AccountConfig {
    AccountConfig {
        name: "bench".into(),
        settings: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        grants: Vec::new(),
        limits: Limits { cpu_ms: 60_000, ..Limits::default() },
        poll: PollConfig::default(),
        kv: Vec::new(),
        clock: ClockSource::Wall,
        log: None,
        confirm: Vec::new(),
        hook: None,
    }
}
