//! The project's own chores: `cargo xtask VERB`. Only dispatch lives here, one file a verb; it must
//! never hold a chore itself.

mod bench;
mod ci;
mod plugins;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask VERB

  bench              figures beside their targets, on this machine
  ci                 everything that must hold, with the minutes each step took
  plugins            build the plugins' components into plugins/dist
  plugins --check    build them and compare with what plugins/dist holds";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["bench"] => bench::run(),
        ["ci"] => ci::run(),
        ["plugins"] => plugins::build(),
        ["plugins", "--check"] => plugins::check(),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("no such chore: {}\n\n{USAGE}", other.join(" ")),
    }
}
