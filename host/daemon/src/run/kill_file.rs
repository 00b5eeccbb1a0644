//! The file KILL in the data directory: the kill switch that works when nothing else can be
//! reached.
//!
//! Apart, with a thread of its own, because it must not depend on the API, the network, a plugin
//! or the policies. It reads one small file and tells the engine what stands there; it never
//! writes, and the file's end clears nothing.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use bracketd_core::control::{KillFile, KillLevel};
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::message::ToEngine;
use crate::vital;

/// Its name in the data directory.
pub const NAME: &str = "KILL";
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(500);
/// What is read of it; the rest is nobody's reason.
const BYTES_MAX: u64 = 1_024;

/// What the file asks for; nothing when there is none. Its first word is the level, the rest the
/// reason. A file that cannot be read, or whose first word is no level, asks for protect-only:
/// whoever wrote it wanted something to stop. Then the reason says so.
pub fn look(data_dir: &Path) -> Option<KillFile> {
    let path = data_dir.join(NAME);
    match read(&path) {
        Ok(bytes) => Some(parse(&String::from_utf8_lossy(&bytes))),
        // A link to what is not there is a file that cannot be read.
        Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            None
        }
        Err(error) => Some(KillFile {
            level: KillLevel::ProtectOnly,
            why: format!("it cannot be read: {error}"),
        }),
    }
}

/// A pipe or a device is not opened: whoever reads it may wait for ever.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(text: &str) -> KillFile {
    let visible = text.trim_start_matches('\u{feff}').chars();
    let clean: String = visible.map(|c| if c.is_control() { ' ' } else { c }).collect();
    let (first, rest) = clean.trim().split_once(' ').unwrap_or((clean.trim(), ""));
    match KillLevel::parse(&first.trim_end_matches([':', ',', '.']).to_ascii_lowercase()) {
        Some(level) if level != KillLevel::Off => KillFile { level, why: rest.trim().to_owned() },
        _ => KillFile { level: KillLevel::ProtectOnly, why: unknown(first, clean.trim()) },
    }
}

/// Why it is protect-only: a misspelled flatten must not pass for a wish.
fn unknown(first: &str, all: &str) -> String {
    match first {
        "" => "it is empty, which means protect-only".to_owned(),
        word => format!("`{word}` is no level, so protect-only: {all}"),
    }
}

/// The thread that looks. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct KillWatch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl KillWatch {
    /// Looks on from what was told to the engine already.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub(super) fn start(
        data_dir: PathBuf,
        told: Option<KillFile>,
        inbox: Sender<ToEngine>,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = bounded::<()>(0);
        let mut told = told;
        let thread = vital::spawn("kill-file", move || {
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let seen = look(&data_dir);
                // A full inbox is tried again at the next look.
                if seen != told && inbox.try_send(ToEngine::KillFile(seen.clone())).is_ok() {
                    told = seen;
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for KillWatch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has ended the process.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KillLevel, NAME, look};

    #[test]
    fn the_first_word_is_the_level_and_what_cannot_be_read_is_protect_only() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(look(dir.path()), None);
        let rows: [(&[u8], KillLevel, &str); 10] = [
            (b"flatten", KillLevel::Flatten, ""),
            (b"FREEZE broker acts up\n", KillLevel::Freeze, "broker acts up"),
            (b"  cancel-entries\nnews \x07 at noon", KillLevel::CancelEntries, "news   at noon"),
            (b"cancel-entries: news", KillLevel::CancelEntries, "news"),
            ("\u{feff}flatten now".as_bytes(), KillLevel::Flatten, "now"),
            (b"", KillLevel::ProtectOnly, "it is empty, which means protect-only"),
            (b"\n", KillLevel::ProtectOnly, "it is empty, which means protect-only"),
            (
                b"flaten now",
                KillLevel::ProtectOnly,
                "`flaten` is no level, so protect-only: flaten now",
            ),
            (
                b"off please",
                KillLevel::ProtectOnly,
                "`off` is no level, so protect-only: off please",
            ),
            (
                b"\xff\xfe",
                KillLevel::ProtectOnly,
                "`\u{fffd}\u{fffd}` is no level, so protect-only: \u{fffd}\u{fffd}",
            ),
        ];
        for (bytes, level, why) in rows {
            std::fs::write(dir.path().join(NAME), bytes).unwrap();
            let seen = look(dir.path()).unwrap();
            assert_eq!((seen.level, seen.why.as_str()), (level, why), "{bytes:?}");
        }
        std::fs::remove_file(dir.path().join(NAME)).unwrap();
        std::fs::create_dir(dir.path().join(NAME)).unwrap();
        assert_eq!(look(dir.path()).unwrap().level, KillLevel::ProtectOnly, "a directory, too");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_and_a_link_to_nothing_are_protect_only_and_hold_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        std::os::unix::fs::symlink("/nonexistent/KILL", &path).unwrap();
        let seen = look(dir.path()).unwrap();
        assert_eq!(seen.level, KillLevel::ProtectOnly);
        assert!(seen.why.starts_with("it cannot be read: "), "{}", seen.why);
        std::fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let (tell, told) = crossbeam_channel::bounded(1);
        std::thread::spawn(move || drop(tell.send(look(dir.path()))));
        let seen =
            told.recv_timeout(std::time::Duration::from_secs(10)).expect("it waits for nobody");
        assert_eq!(seen.unwrap().why, "it cannot be read: it is no regular file");
    }
}
