//! The demo: a paper exchange in this process, the Alpaca plugin talking HTTP to it, and the
//! shipped policies in a directory that may be edited.
//!
//! Apart because nothing of it exists in a configured run. It makes a directory, a configuration
//! as anybody could write it, and opens transactions as anybody could; the daemon under it is the
//! ordinary one.

mod director;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use bracketd_core::Decimal;
use bracketd_exchange::{
    AccountConfig, Exchange, ExchangeConfig, ExchangeHandle, Feed, MarketConfig, MarketSymbol,
};
use bracketd_store::BALLAST_FILE;

use crate::config::{Config, check_text};

pub use director::Director;

/// Where everything of the demo lives, in the directory it is started in.
pub const DIR: &str = "bracketd-demo";
/// The demo's account.
pub const ACCOUNT: &str = "paper";

/// The Alpaca plugin, as built from `plugins/alpaca`.
pub(crate) const PLUGIN: &[u8] = include_bytes!("../../../plugins/dist/alpaca.wasm");
const KEY: &str = "demo-key";
const SECRET: &str = "demo-secret";
/// The exchange's prices: the same at every fresh start.
const SEED: u64 = 42;
/// A price every 100 ms, each moving about this many millionths: visible within seconds.
const STEP_PPM: u32 = 220;
const STEP_MS: u64 = 100;

/// A prepared demo.
pub struct Demo {
    /// The directory.
    pub dir: PathBuf,
    /// The configuration that it runs with.
    pub config: Config,
    /// The exchange; it ends when this is dropped.
    pub exchange: ExchangeHandle,
    /// Whether there was no demo here before.
    pub is_new: bool,
}

/// Fills the demo's directory, whose lock the caller holds, and starts its exchange.
///
/// # Errors
/// With what could not be made or started.
pub fn prepare(dir: &Path, fresh: bool) -> anyhow::Result<Demo> {
    if fresh {
        start_over(dir)?;
    }
    let is_new = !dir.join("ledger.db").exists();
    let policies = dir.join("policies");
    write_policies(&policies)?;
    write(&dir.join("alpaca.wasm"), PLUGIN)?;
    write_private(&dir.join("exchange.key_id"), KEY)?;
    write_private(&dir.join("exchange.secret_key"), SECRET)?;
    let exchange = Exchange::spawn(&exchange_config(dir))
        .context("the demo's paper exchange does not start")?;
    let file = dir.join("bracketd.toml");
    let text = configuration(&exchange.address());
    write(&file, text.as_bytes())?;
    let config = resolve(&file, &text)?;
    Ok(Demo { dir: dir.to_owned(), config, exchange, is_new })
}

/// Removes what a demo or a tape run wrote, and nothing that it did not. Only who holds the
/// directory's lock may.
pub(crate) fn start_over(dir: &Path) -> anyhow::Result<()> {
    let ours = ["ledger.db", "activity.db", "exchange.book", "daemon.json", BALLAST_FILE];
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && ours.iter().any(|own| name.starts_with(own)) {
            std::fs::remove_file(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes the shipped policies that are not there; what somebody edited stays.
pub(crate) fn write_policies(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir.join("lib"))
        .with_context(|| format!("cannot make {}", dir.display()))?;
    let shipped = bracketd_policy::shipped();
    let scripts = shipped.policies.iter().map(|f| (format!("{}.rhai", f.name), f));
    let libs = shipped.libs.iter().map(|f| (format!("lib/{}.rhai", f.name), f));
    let tests = shipped.tests.iter().map(|f| (format!("{}_test.rhai", f.name), f));
    for (name, file) in scripts.chain(libs).chain(tests) {
        let path = dir.join(name);
        if !path.exists() {
            write(&path, file.text.as_bytes())?;
        }
    }
    Ok(())
}

fn exchange_config(dir: &Path) -> ExchangeConfig {
    let symbols = [("ALFA", 184), ("BRVO", 62), ("CHRL", 415), ("DLTA", 97)];
    let symbols = symbols.map(|(name, price)| MarketSymbol {
        step_ppm: STEP_PPM,
        ..MarketSymbol::new(name, Decimal::from(price))
    });
    let market = MarketConfig {
        seed: SEED,
        symbols: symbols.to_vec(),
        step_ms: STEP_MS,
        ..MarketConfig::default()
    };
    ExchangeConfig {
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        accounts: vec![AccountConfig::new(KEY, SECRET, Decimal::from(250_000))],
        feed: Feed::Market(market),
        assets: Vec::new(),
        book_file: Some(dir.join("exchange.book")),
        requests_per_minute: None,
    }
}

/// The demo's configuration, as anybody would write it for an Alpaca-compatible account.
fn configuration(exchange: &SocketAddr) -> String {
    format!(
        r#"# Written anew by the demo at each start, since its exchange takes a free port: what is changed
# here, a plugin's pin too, lasts until then.
# For an account of your own, start from `bracketd init`.
schema = 1
data_dir = "."

[server]
bind = "127.0.0.1:8741"

[policies]
dir = "policies"

[[account]]
name = "{ACCOUNT}"
plugin = "alpaca.wasm"
policies = ["trailing_stop"]
armed = true
settings = {{ base_url = "http://{exchange}" }}
secrets.key_id = {{ file = "exchange.key_id" }}
secrets.secret_key = {{ file = "exchange.secret_key" }}
poll_fills = "250ms"
poll_prices = "250ms"
messages_per_minute = 6000 # this exchange has no limit; a broker does

[[account.grant]]
scheme = "http"
host = "{host}"
port = {port}
private = true

# Orders are told over a socket as they change; polling goes on beside it.
[[account.grant]]
scheme = "ws"
host = "{host}"
port = {port}
paths = ["/stream"]
private = true
frames = [{{ key = "action", value = "auth" }}, {{ key = "action", value = "listen" }}]
"#,
        host = exchange.ip(),
        port = exchange.port(),
    )
}

fn resolve(file: &Path, text: &str) -> anyhow::Result<Config> {
    let checked = check_text(file, text);
    let lines = || checked.diagnostics.iter().map(|d| d.one_line()).collect::<Vec<_>>().join("; ");
    checked.config.ok_or_else(|| anyhow!("the demo's configuration is wrong: {}", lines()))
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
