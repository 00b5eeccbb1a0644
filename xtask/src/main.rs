//! The project's own chores: `cargo xtask VERB`. Only dispatch lives here, one file a verb; it must
//! never hold a chore itself.

mod abi;
mod bench;
mod ci;
mod plugins;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask VERB

  abi                what the ABI is, and whether it fits what is recorded and released
  abi record         take the ABI as it is now into plugins/wit/abi.toml
  abi release        keep it as released: plugins built for it must go on loading
  bench              figures beside their targets, on this machine
  ci                 everything that must hold, with the minutes each step took
  plugins            build the plugins' components into plugins/dist
  plugins --check    build them and compare with what plugins/dist holds";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["abi"] => abi::check(),
        ["abi", "record"] => abi::record(),
        ["abi", "release"] => abi::release(),
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
