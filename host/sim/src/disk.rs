//! Where the ledger of a history lives: in memory, or now and then in a file whose last commit is
//! torn by a crash.
//!
//! Apart because a crash takes from a disk only what was not yet said to be written. A ledger in
//! memory is emptied and used again by the next history of the thread: the schema is read once.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bracketd_store::{LEDGER_FILE, Ledger, OpenOptions, StoreError};

thread_local! {
    static SPARE: Cell<Option<Ledger>> = const { Cell::new(None) };
}

/// The ledger between two lives of a daemon.
#[derive(Debug)]
pub(crate) enum Disk {
    /// In memory.
    Memory(Option<Box<Ledger>>),
    /// In a directory of its own.
    File(File),
}

/// A ledger in a file.
#[derive(Debug)]
pub(crate) struct File {
    root: PathBuf,
    /// Which life's directory it is.
    life: u32,
    /// Length of the write-ahead log before the step that runs.
    length: u64,
}

impl Disk {
    /// In memory, or in a file.
    pub(crate) fn new(seed: u64, in_file: bool) -> Self {
        if !in_file {
            return Self::Memory(None);
        }
        let shared = Path::new("/dev/shm");
        let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "");
        let name = format!("bracketd-sim-{}-{thread}-{seed}", std::process::id());
        Self::File(File { root: parent.join(name), life: 0, length: 0 })
    }

    /// Whether a crash may tear the last commit.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// The ledger as the last life left it.
    pub(crate) fn open(&mut self) -> Result<Ledger, StoreError> {
        match self {
            Self::Memory(kept) => match kept.take().map(|ledger| Ok(*ledger)).or_else(spare) {
                Some(ledger) => ledger,
                None => Ledger::in_memory(),
            },
            Self::File(file) => {
                let options = OpenOptions {
                    ballast_bytes: 0,
                    busy_ms: 0,
                    fixed_id: true,
                    ..OpenOptions::default()
                };
                Ledger::open_with(&file.dir(), options)
            }
        }
    }

    /// What is written from now on is torn by a crash in this step.
    pub(crate) fn before_step(&mut self) {
        if let Self::File(file) = self {
            file.length = file.log_length();
        }
    }

    /// What is left of it after a crash; with `cut` the last step's commit ends after so many
    /// thousandths of its bytes.
    pub(crate) fn crash(&mut self, ledger: Ledger, cut: Option<u64>) -> io::Result<()> {
        ledger.refuse_writes(false);
        match self {
            Self::Memory(kept) => {
                *kept = Some(Box::new(ledger));
                Ok(())
            }
            Self::File(file) => file.crash(ledger, cut),
        }
    }

    /// The history is over.
    pub(crate) fn give_back(&mut self, ledger: Option<Ledger>) {
        if let (Self::Memory(kept), Some(ledger)) = (self, ledger) {
            *kept = Some(Box::new(ledger));
        }
    }
}

fn spare() -> Option<Result<Ledger, StoreError>> {
    SPARE.with(Cell::take).and_then(|ledger| ledger.emptied().transpose())
}

impl Drop for Disk {
    fn drop(&mut self) {
        match self {
            Self::Memory(kept) => {
                if let Some(ledger) = kept.take() {
                    SPARE.with(|spare| spare.set(Some(*ledger)));
                }
            }
            // A directory that stays behind is in the way of nobody.
            Self::File(file) => drop(fs::remove_dir_all(&file.root)),
        }
    }
}

impl File {
    fn dir(&self) -> PathBuf {
        self.root.join(self.life.to_string())
    }

    fn log(dir: &Path) -> PathBuf {
        dir.join(format!("{LEDGER_FILE}-wal"))
    }

    fn log_length(&self) -> u64 {
        fs::metadata(Self::log(&self.dir())).map_or(0, |data| data.len())
    }

    /// The files as they were on the disk at that moment; the process that held them ends.
    fn crash(&mut self, ledger: Ledger, cut: Option<u64>) -> io::Result<()> {
        let (old, length) = (self.dir(), self.log_length());
        self.life += 1;
        let new = self.dir();
        fs::create_dir_all(&new)?;
        fs::copy(old.join(LEDGER_FILE), new.join(LEDGER_FILE))?;
        if length > 0 {
            fs::copy(Self::log(&old), Self::log(&new))?;
        }
        if let Some(cut) = cut.filter(|_| length > self.length) {
            let kept = self.length + (length - self.length) * cut / 1_000;
            fs::OpenOptions::new().write(true).open(Self::log(&new))?.set_len(kept)?;
        }
        drop(ledger);
        fs::remove_dir_all(old)
    }
}
