//! Directories, processes and requests, so that a test reads like a terminal session.
//!
//! Apart from the tests because every process that is started here ends here. It knows the
//! program, its files and its HTTP API, and nothing inside.

/// The daemon's HTTP API.
mod api;
/// The exchange's own book: what truly happened.
mod broker_book;
/// A client that remembers what it was promised.
mod client;
/// An exchange, a daemon, and a small disk under its data.
mod desk;
/// A policy that keeps a stop under the price.
mod followed;
/// Random numbers that are the same at every run.
mod numbers;
/// A bad network between the daemon and the exchange.
mod proxy;
/// The terminal sessions of the documents.
mod transcript;

pub(crate) use api::{Api, Said, id_of};
pub(crate) use broker_book::{Ends, difference};
pub(crate) use client::Client;
pub(crate) use desk::{Desk, change_until_refused, is_protected};
pub(crate) use followed::{followed, stop_is};
pub(crate) use numbers::{Numbers, wanted};
pub(crate) use proxy::{Fault, Proxy};
pub(crate) use transcript::{Session, Step};

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_secs(45);

/// A directory that goes away with the test.
pub(crate) struct Dir(tempfile::TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(&path, text).expect("a file");
        path
    }

    pub(crate) fn write_private(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(name, text);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    }

    /// Puts shipped policies, and what they share, into `policies/`.
    pub(crate) fn ship(&self, policies: &[&str]) {
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts");
        let read = |path: String| std::fs::read_to_string(path).expect("a shipped script");
        for name in policies {
            let text = read(format!("{scripts}/policies/{name}.rhai"));
            self.write(&format!("policies/{name}.rhai"), &text);
        }
        self.write("policies/lib/risk.rhai", &read(format!("{scripts}/lib/risk.rhai")));
    }

    /// Runs the program here and waits for its end.
    pub(crate) fn bracketd(&self, args: &str) -> Ended {
        Ended::of(program(self.path()).args(args.split_whitespace()))
    }
}

pub(crate) fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bracketd"));
    command
        .current_dir(dir)
        .env_remove("BRACKETD_URL")
        .env_remove("BRACKETD_TOKEN")
        .env_remove("COLUMNS");
    command
}

/// A program that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e} in {:?}\n{}", self.stdout, self.stderr))
    }
}

/// A process that is killed with the value, if it still runs.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// SIGKILL: nothing is written, nothing is said.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it was running");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// The paper exchange as a process of its own, its prices set by hand.
pub(crate) struct Exchange {
    pub(crate) url: String,
    process: Option<Process>,
    dir: PathBuf,
}

pub(crate) const KEY: &str = "PKTEST";
pub(crate) const SECRET: &str = "canary-secret-7f3a";

impl Exchange {
    pub(crate) fn manual(dir: &Dir) -> Self {
        let mut exchange = Self { url: String::new(), process: None, dir: dir.path().to_owned() };
        exchange.start("127.0.0.1:0");
        exchange
    }

    /// kill -9: the port is closed, its book stays on the disk.
    pub(crate) fn die(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// The same exchange again, at the same address.
    pub(crate) fn come_back(&mut self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        self.start(&address);
        assert!(self.url.ends_with(&address), "{} is not {address}", self.url);
    }

    fn start(&mut self, bind: &str) {
        // Enough for every order of a long test.
        let account = format!("{KEY}:{SECRET}:100000000");
        let book = self.dir.join("exchange.book");
        let mut child = program(&self.dir)
            .args(["exchange", "--manual", "--bind", bind, "--account", &account, "--book"])
            .arg(book)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the exchange starts");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut url).expect("its address");
        url.trim().clone_into(&mut self.url);
        self.process = Some(Process(child));
    }

    pub(crate) fn price(&self, symbol: &str, bid: &str, ask: &str) {
        let body = format!(r#"{{"symbol":"{symbol}","bid":"{bid}","ask":"{ask}"}}"#);
        self.post("/admin/price", &body);
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Value {
        let answer = ureq::post(format!("{}{path}", self.url))
            .header("APCA-API-KEY-ID", KEY)
            .header("APCA-API-SECRET-KEY", SECRET)
            .content_type("application/json")
            .send(body);
        read(answer)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = ureq::get(format!("{}{path}", self.url))
            .header("APCA-API-KEY-ID", KEY)
            .header("APCA-API-SECRET-KEY", SECRET)
            .call();
        read(answer)
    }

    /// Open orders with their legs as rows of side, type, class, limit and stop price.
    pub(crate) fn open_orders(&self) -> Vec<String> {
        let orders = self.get("/v2/orders?status=open&nested=true&limit=500");
        let mut rows = Vec::new();
        for order in orders.as_array().expect("a list") {
            // A filled entry is listed as long as one of the legs it carried is open.
            rows.extend((order["status"] != "filled").then(|| row(order)));
            rows.extend(order["legs"].as_array().into_iter().flatten().map(row));
        }
        rows.sort();
        rows
    }
}

fn row(order: &Value) -> String {
    let text = |name: &str| order[name].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} {} limit {} stop {} {}",
        text("side"),
        text("qty"),
        text("type"),
        text("limit_price"),
        text("stop_price"),
        text("status")
    )
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    let text = answer.expect("an answer").body_mut().read_to_string().expect("a text");
    serde_json::from_str(&text).expect("JSON")
}

/// A daemon over the manual exchange.
pub(crate) struct Daemon {
    dir: PathBuf,
    process: Process,
}

impl Daemon {
    /// Writes a configuration for the exchange, with these policies, and starts the daemon.
    pub(crate) fn start(dir: &Dir, exchange: &Exchange, policies: &[(&str, &str)]) -> Self {
        configure(dir, &exchange.url, policies);
        Self::again(dir)
    }

    /// The same without policies, through that plugin of `plugins/dist`.
    pub(crate) fn through(plugin: &str, dir: &Dir, exchange: &Exchange) -> Self {
        configure_through(plugin, dir, &exchange.url, &[]);
        Self::again(dir)
    }

    /// Starts the daemon with the configuration that is there, and waits until it is ready.
    pub(crate) fn again(dir: &Dir) -> Self {
        let daemon = Self::spawn(dir, None);
        daemon.until("the daemon is ready", |d| {
            let status = d.ask("status --json");
            status.code == Some(0) && status.json()["ready"] == true
        });
        daemon
    }

    /// Starts the daemon, to die at that effect point where one is named, and waits for nothing.
    pub(crate) fn spawn(dir: &Dir, abort_at: Option<&str>) -> Self {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(dir.path().join("daemon.log"))
            .expect("a log");
        let mut command = program(dir.path());
        command.arg("run").stdout(Stdio::null()).stderr(log);
        if let Some(point) = abort_at {
            command.env("BRACKETD_ABORT_AT", point);
        }
        let child = command.spawn().expect("the daemon starts");
        Self { dir: dir.path().to_owned(), process: Process(child) }
    }

    /// A daemon that was started by other means.
    pub(crate) fn around(dir: &Path, process: Process) -> Self {
        Self { dir: dir.to_owned(), process }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("daemon.log")).unwrap_or_default()
    }

    /// Runs a verb of the command line against it.
    pub(crate) fn ask(&self, args: &str) -> Ended {
        Ended::of(program(&self.dir).args(args.split_whitespace()))
    }

    /// A transaction as the API shows it.
    pub(crate) fn tx(&self, id: u64) -> Value {
        let shown = self.ask(&format!("tx show {id} --json"));
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        shown.json()
    }

    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            let late = began.elapsed() > PATIENCE;
            assert!(!late, "{what}: not within {PATIENCE:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn kill(self) {
        self.process.kill();
    }
}

/// The shipped plugin with a custom section: another file, another digest, the same behavior.
pub(crate) fn twin(dir: &Dir, name: &str) -> PathBuf {
    let mut wasm =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/dist/alpaca.wasm"))
            .expect("the shipped plugin");
    let section = [b"\x04note".as_slice(), name.as_bytes()].concat();
    wasm.extend([0, u8::try_from(section.len()).expect("a short name")]);
    wasm.extend(section);
    let path = dir.path().join(format!("{name}.wasm"));
    std::fs::write(&path, wasm).expect("a file");
    path
}

/// Writes a configuration with one account at the exchange behind that address.
pub(crate) fn configure(dir: &Dir, url: &str, policies: &[(&str, &str)]) {
    configure_through("alpaca", dir, url, policies);
}

fn configure_through(plugin: &str, dir: &Dir, url: &str, policies: &[(&str, &str)]) {
    let port = url.rsplit(':').next().expect("a port");
    dir.write_private("secrets/key", KEY);
    dir.write_private("secrets/secret", SECRET);
    std::fs::create_dir_all(dir.path().join("policies")).expect("a directory");
    for (name, text) in policies {
        dir.write(&format!("policies/{name}.rhai"), text);
    }
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/dist");
    let wasm = format!("{dist}/{plugin}.wasm");
    let names: Vec<String> = policies.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    dir.write(
        "bracketd.toml",
        &format!(
            r#"schema = 1
data_dir = "data"
[server]
bind = "127.0.0.1:0"
[policies]
dir = "policies"
[[account]]
name = "paper"
plugin = "{wasm}"
policies = [{names}]
settings = {{ base_url = "{url}" }}
secrets.key_id = {{ file = "secrets/key" }}
secrets.secret_key = {{ file = "secrets/secret" }}
armed = true
stale_price = "10m"
poll_fills = "200ms"
poll_prices = "200ms"
messages_per_minute = 100000
[[account.grant]]
scheme = "http"
host = "127.0.0.1"
port = {port}
private = true
"#,
            names = names.join(", "),
        ),
    );
}
