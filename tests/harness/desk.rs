//! An exchange, a configured daemon, and where asked for a small disk of its own under its data.
//!
//! Apart because every test of a disk in trouble begins with it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Api, Daemon, Dir, Exchange, configure, difference};

/// Room for the ballast and little else, in bytes.
const DISK: u64 = 40 << 20;
/// How long a full disk may go on taking changes.
const FULL_AFTER: Duration = Duration::from_secs(60);

/// A small disk of its own under a directory.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it. There is no other way to have a small disk, so without the right to, this fails.
    fn at(path: &Path) -> Self {
        std::fs::create_dir_all(path).expect("a directory");
        let size = format!("size={DISK}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "bracketd-test"]).arg(path);
        let out = mount.output().expect("`mount` is there");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(
            out.status.success(),
            "this test mounts a small tmpfs and needs root for it (run it as root, or in a \
             container with CAP_SYS_ADMIN): {said}"
        );
        Self(path.to_owned())
    }

    /// Takes all the room there is.
    pub(crate) fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.0.join("somebody-elses.log"))
            .expect("a file");
        for size in [1 << 20, 4_096, 1] {
            let chunk = vec![7; size];
            while file.write_all(&chunk).is_ok() {}
        }
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.0.join("somebody-elses.log")).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there keeps it.
        let _ended = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A daemon that runs beside its exchange, on which each symbol is at 100.
pub(crate) struct Desk {
    pub(crate) dir: Dir,
    pub(crate) exchange: Exchange,
    pub(crate) daemon: Daemon,
    pub(crate) api: Api,
}

impl Desk {
    pub(crate) fn of(symbols: &[&str]) -> Self {
        let (dir, exchange) = configured(symbols);
        let (daemon, api) = started(&dir);
        Self { dir, exchange, daemon, api }
    }

    /// The same with its data on a small disk; that comes last, for it has to go before the directory.
    pub(crate) fn on_a_small_disk(symbols: &[&str]) -> (Self, SmallDisk) {
        let (dir, exchange) = configured(symbols);
        let disk = SmallDisk::at(&dir.path().join("data"));
        let (daemon, api) = started(&dir);
        (Self { dir, exchange, daemon, api }, disk)
    }
}

fn configured(symbols: &[&str]) -> (Dir, Exchange) {
    let dir = Dir::new();
    let exchange = Exchange::manual(&dir);
    for symbol in symbols {
        exchange.price(symbol, "100.00", "100.02");
    }
    configure(&dir, &exchange.url, &[]);
    (dir, exchange)
}

fn started(dir: &Dir) -> (Daemon, Api) {
    let mut daemon = Daemon::spawn(dir, None);
    let api = daemon.ready().expect("it runs");
    (daemon, api)
}

/// Whether the daemon says that the symbol is protected, and the exchange agrees.
pub(crate) fn is_protected(api: &Api, exchange: &Exchange, symbol: &str) -> bool {
    let tx = api.of_symbol(symbol).unwrap_or_default();
    tx["protection"]["state"] == "protected" && difference(&tx, &exchange.ends(symbol)).is_none()
}

/// Moves the stop of transaction 1 until a change is not taken; what SQLite had reserved may take a
/// few more.
pub(crate) fn change_until_refused(api: &Api, mut before_each: impl FnMut()) -> super::Said {
    let began = Instant::now();
    let mut number = 0;
    loop {
        before_each();
        let said = api.set_stop(1, &format!("{}.{:02}", 90 + number / 100 % 5, number % 100));
        if said.promised().is_none() {
            return said;
        }
        number += 1;
        assert!(began.elapsed() < FULL_AFTER, "a full disk takes everything");
    }
}
