//! What the host adds to a call into a plugin, and what a step of a tape costs:
//! `call_bench PLUGIN.wasm URL`, with the exchange of
//! `cargo run -p bracketd-exchange --example serve manual`. Build it in release mode.

use std::time::Instant;

use bracketd_account::{
    AccountConfig, AccountHandle, ClockSource, Drive, Grant, Host, Limits, PollConfig, PollRequest,
    Secret, StepRead, ToAccount, call_cost,
};

/// Calls each way.
const CALLS: usize = 20_000;
/// Steps of a tape.
const STEPS: u32 = 3_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(wasm), Some(url)) = (args.next(), args.next()) else {
        return Err("usage: call_bench PLUGIN.wasm URL".into());
    };
    let host = Host::new()?;
    let plugin = host.load(&std::fs::read(&wasm)?, &wasm)?;
    let secrets = [("key_id", "PKTEST"), ("secret_key", "secret")];
    let config = AccountConfig {
        name: "bench".into(),
        settings: vec![("base_url".to_owned(), url.clone())],
        secrets: secrets.map(|(name, value)| (name.to_owned(), Secret::new(value))).into(),
        grants: vec![Grant::origin(&url)?.with_private()],
        limits: Limits { cpu_ms: 60_000, ..Limits::default() },
        poll: PollConfig::default(),
        kv: Vec::new(),
        clock: ClockSource::Wall,
        log: None,
        confirm: Vec::new(),
        hook: None,
    };
    for _ in 0..3 {
        let cost = call_cost(&host, &plugin, config.clone(), CALLS)?;
        let added = cost.hosted_ns.saturating_sub(cost.bare_ns);
        let percent = cost.hosted_ns * 100 / cost.bare_ns.max(1);
        println!(
            "adjust-sl, nothing to do: bare {} ns, hosted {} ns ({percent} %), host adds {added} \
             ns",
            cost.bare_ns, cost.hosted_ns
        );
    }
    steps(&host, &plugin, config)
}

fn steps(
    host: &Host,
    plugin: &bracketd_account::Plugin,
    mut config: AccountConfig,
) -> Result<(), Box<dyn std::error::Error>> {
    config.poll.drive = Drive::Steps;
    let (tell, events) = crossbeam_channel::bounded(1_024);
    let account = AccountHandle::start(host, plugin, config, tell)?;
    account.try_send(ToAccount::Watch(vec!["AAPL".into()])).map_err(|_| "no room")?;
    let (reply, replies) = crossbeam_channel::bounded::<StepRead>(1);
    let began = Instant::now();
    for _ in 0..STEPS {
        let request = PollRequest::Step { reply: reply.clone() };
        account.poll_now(request).map_err(|_| "no room")?;
        if let Some(fault) = replies.recv()?.fault {
            return Err(format!("{}: {}", fault.code, fault.message).into());
        }
        events.try_iter().for_each(drop);
    }
    println!(
        "step (prices, orders, fills): {} us",
        began.elapsed().as_micros() / u128::from(STEPS)
    );
    Ok(())
}
