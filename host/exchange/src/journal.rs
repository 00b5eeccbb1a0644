//! What the exchange has been told, on disk, so that it survives `kill -9`.
//!
//! Separate because nothing else touches the file. The first line holds a header and, after a
//! rotation, a whole state; every further line is one command, written before it is applied and
//! before it is answered. A step costs one short line, never a rewrite.

use crate::world::{Command, State};
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;
const ROTATE_BYTES: u64 = 8 << 20;

/// Why a book file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another exchange has the file.
    #[error(
        "{path}: in use by {}; end that exchange first, or give this one a book of its own",
        process.map_or("another process".to_owned(), |pid| format!("process {pid}")),
        path = path.display()
    )]
    InUse {
        /// Which.
        path: PathBuf,
        /// The process that has it, where the system tells.
        process: Option<u32>,
    },
    /// A line inside the file is damaged.
    #[error("{path}:{line}: {source}", path = path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// The file is from another version of this program.
    #[error("{path}: format {found}, this program writes format {FORMAT}", path = path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The file belongs to other prices or accounts.
    #[error("{path}: belongs to \"{found}\", not to \"{wanted}\"", path = path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What it was written for.
        found: String,
        /// What was started.
        wanted: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    fingerprint: String,
    state: Option<State>,
}

/// What a book file held.
pub(crate) struct Stored {
    pub(crate) state: Option<State>,
    pub(crate) commands: Vec<Command>,
}

pub(crate) struct Journal {
    path: PathBuf,
    fingerprint: String,
    file: File,
    bytes: u64,
    rotate_at: u64,
    line: Vec<u8>,
}

impl Journal {
    /// Opens or creates a book file. A last line without its end was never answered: it is cut off.
    pub(crate) fn open(path: &Path, fingerprint: &str) -> Result<(Self, Stored), JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let process = holder(&file);
                return Err(JournalError::InUse { path: path.to_owned(), process });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let (lines, bytes) = whole_lines(&mut file).map_err(io)?;
        file.set_len(bytes).map_err(io)?;
        file.seek(SeekFrom::Start(bytes)).map_err(io)?;
        let mut journal = Self {
            path: path.to_owned(),
            fingerprint: fingerprint.to_owned(),
            file,
            bytes,
            rotate_at: ROTATE_BYTES,
            line: Vec::new(),
        };
        let mut stored = Stored { state: None, commands: Vec::new() };
        let mut lines = lines.into_iter();
        match lines.next() {
            Some(header) => {
                journal.rotate_at = ROTATE_BYTES.max(2 * header.len() as u64);
                stored.state = journal.check(&header)?;
            }
            None => journal.append(&journal.header(None)).map_err(io)?,
        }
        for (index, text) in lines.enumerate() {
            let command = serde_json::from_str(&text).map_err(|source| JournalError::Line {
                path: path.to_owned(),
                line: index + 2,
                source,
            })?;
            stored.commands.push(command);
        }
        Ok((journal, stored))
    }

    fn check(&self, text: &str) -> Result<Option<State>, JournalError> {
        let path = self.path.clone();
        let header: Header = serde_json::from_str(text).map_err(|source| JournalError::Line {
            path: path.clone(),
            line: 1,
            source,
        })?;
        if header.format != FORMAT {
            return Err(JournalError::Format { path, found: header.format });
        }
        if header.fingerprint != self.fingerprint {
            let (found, wanted) = (header.fingerprint, self.fingerprint.clone());
            return Err(JournalError::Foreign { path, found, wanted });
        }
        Ok(header.state)
    }

    fn header(&self, state: Option<State>) -> Header {
        Header { format: FORMAT, fingerprint: self.fingerprint.clone(), state }
    }

    /// Writes one command. On an error nothing of it stays in the file.
    pub(crate) fn write(&mut self, command: &Command) -> std::io::Result<()> {
        self.append(command)
    }

    fn append<T: Serialize>(&mut self, value: &T) -> std::io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)?;
        self.line.push(b'\n');
        if let Err(error) = self.file.write_all(&self.line) {
            self.file.set_len(self.bytes)?;
            self.file.seek(SeekFrom::Start(self.bytes))?;
            return Err(error);
        }
        self.bytes += self.line.len() as u64;
        Ok(())
    }

    /// Whether the file has grown enough to be replaced by a state.
    pub(crate) fn is_long(&self) -> bool {
        self.bytes >= self.rotate_at
    }

    /// Starts a new file from `state`; the old one stays until the new one is whole.
    pub(crate) fn rotate(&mut self, state: &State) -> std::io::Result<()> {
        let mut fresh_name = self.path.clone().into_os_string();
        fresh_name.push(".new");
        let fresh_path = PathBuf::from(fresh_name);
        let mut fresh = File::create(&fresh_path)?;
        fresh.lock()?;
        let mut text = serde_json::to_vec(&self.header(Some(state.clone())))?;
        text.push(b'\n');
        fresh.write_all(&text)?;
        fresh.sync_all()?;
        std::fs::rename(&fresh_path, &self.path)?;
        self.file = fresh;
        self.bytes = text.len() as u64;
        self.rotate_at = ROTATE_BYTES.max(2 * self.bytes);
        Ok(())
    }
}

/// The process that has locked the file, as Linux lists it in /proc/locks: `1: FLOCK ADVISORY WRITE
/// PID MAJOR:MINOR:INODE 0 EOF`, device numbers in hexadecimal (proc(5)).
fn holder(file: &File) -> Option<u32> {
    let place = place(&file.metadata().ok()?);
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let mut fields = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields.find_map(|fields| match fields[..] {
        [_, "FLOCK", _, _, pid, at, ..] if at == place => pid.parse().ok(),
        _ => None,
    })
}

/// Device and inode as that list writes them. The device's two halves lie in the number as Linux
/// packs them (makedev(3)).
fn place(meta: &Metadata) -> String {
    let (dev, inode) = (meta.dev(), meta.ino());
    let major = ((dev >> 8) & 0xfff) | ((dev >> 32) & 0xffff_f000);
    let minor = (dev & 0xff) | ((dev >> 12) & 0xffff_ff00);
    format!("{major:02x}:{minor:02x}:{inode}")
}

/// All lines that have their end, and how many bytes they take.
fn whole_lines(file: &mut File) -> std::io::Result<(Vec<String>, u64)> {
    let mut reader = BufReader::new(&mut *file);
    let (mut lines, mut bytes) = (Vec::new(), 0);
    loop {
        let mut text = String::new();
        let read = reader.read_line(&mut text)?;
        if !text.ends_with('\n') {
            return Ok((lines, bytes));
        }
        bytes += read as u64;
        text.pop();
        lines.push(text);
    }
}
