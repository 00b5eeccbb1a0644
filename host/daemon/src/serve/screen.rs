//! What a person sees when the daemon starts and stops.
//!
//! Apart because these words are for people alone: nothing reads them, so they go to standard
//! error like every message.

use std::io::IsTerminal;
use std::path::Path;

use bracketd_policy::Refused;

use crate::cli::output::{Tone, paint};
use crate::demo::Demo;
use crate::render;
use crate::run::Running;

pub(super) fn demo(demo: &Demo, running: &Running) {
    let version = env!("CARGO_PKG_VERSION");
    let dir = demo.dir.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let state = if demo.is_new { "new" } else { "goes on where it stopped" };
    say(&format!(
        "bracketd {version}  DEMO: paper money on a simulated market, nothing can reach a broker\n"
    ));
    say(&format!("  data       ./{dir}/ ({state}; `bracketd run --demo --fresh` starts over)"));
    say(&format!("  exchange   {} speaks the Alpaca API", demo.exchange.url()));
    say(&format!("  account    {}, through alpaca.wasm", crate::demo::ACCOUNT));
    say(&format!("  policies   {} in ./{dir}/policies", names(running)));
    say(&format!("  api        {}/api/v1, token in ./{dir}/daemon.json\n", running.url));
    alerts(&running.alerts);
    refused(&running.refused);
    say("Try, in a second terminal:");
    say("  bracketd tx list               what is held and how it is protected");
    say("  bracketd activity tail -f      what happens, as it happens");
    say(&format!("  edit ./{dir}/policies/trailing_stop.rhai: the next decision is the new one's"));
    say("  bracketd tx set 1 --stop 180   move a stop yourself");
    say("\nCtrl-C stops the daemon; protective orders stay at the exchange.\n");
}

pub(super) fn accounts(file: &Path, running: &Running) {
    let version = env!("CARGO_PKG_VERSION");
    say(&format!("bracketd {version}  {}", file.display()));
    say(&format!("  policies   {}", names(running)));
    say(&format!("  api        {}/api/v1", running.url));
    alerts(&running.alerts);
    refused(&running.refused);
}

/// Loud, and before anything else happens.
fn alerts(all: &[String]) {
    for alert in all {
        say(&format!("{} {}", paint("ATTENTION", Tone::Bad), render::printable(alert)));
    }
}

pub(super) fn stopping() {
    say("stopping; protective orders stay at the broker");
}

/// One line for people.
pub(super) fn say(line: &str) {
    anstream::eprintln!("{line}");
}

fn names(running: &Running) -> String {
    let names: Vec<&str> = running.policies.iter().map(|name| name.as_str()).collect();
    names.join(", ")
}

/// What was refused at the start, in full: the version before it runs.
fn refused(all: &[Refused]) {
    for refused in all {
        for diagnostic in &refused.diagnostics {
            say(&render::text(diagnostic, std::io::stderr().is_terminal()));
        }
        let running = match &refused.running {
            Some(digest) => format!("version {} goes on", digest.get(..8).unwrap_or(digest)),
            None => "there is no good version of it".to_owned(),
        };
        say(&format!("note: policy {} was not taken; {running}\n", refused.name));
    }
}
