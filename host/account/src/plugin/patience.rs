//! A plugin that a running daemon is to take: read and compiled within bounds.
//!
//! Apart because a file is whatever somebody put there. Its size bounds what is read; that is no
//! bound for a compiler, which may be given up but never stopped: one at a time may be left behind,
//! and one that panics costs its file and nothing else.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};

use crate::host::Host;
use crate::plugin::{CompiledCache, LoadError, PLUGIN_BYTES_MAX, Plugin};

/// A plugin's file; of one that is too large only so much that loading it says so.
///
/// # Errors
/// Where it cannot be read, or is no file: a pipe would be waited for.
pub fn read_plugin(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(PLUGIN_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Host {
    /// As [`Self::load_cached`], on a thread of its own, and given up after `patience`.
    ///
    /// # Errors
    /// [`LoadError`]; [`LoadError::TooSlow`] when it took longer, [`LoadError::CompilerBusy`] while
    /// one that took longer is still being compiled.
    pub fn load_within(
        &self,
        wasm: Vec<u8>,
        name: &str,
        cache: Option<&CompiledCache>,
        patience: Duration,
    ) -> Result<Plugin, LoadError> {
        self.within(patience, {
            let (host, name, cache) = (self.clone(), name.to_owned(), cache.cloned());
            move || Plugin::load(&host, &wasm, &name, cache.as_ref())
        })
    }

    fn within(
        &self,
        patience: Duration,
        load: impl FnOnce() -> Result<Plugin, LoadError> + Send + 'static,
    ) -> Result<Plugin, LoadError> {
        let is_busy = self.is_compiling();
        if is_busy.swap(true, Ordering::AcqRel) {
            return Err(LoadError::CompilerBusy);
        }
        let (tell, told) = bounded(1);
        let done = is_busy.clone();
        let started = thread::Builder::new().name("compile".to_owned()).spawn(move || {
            let loaded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(load));
            done.store(false, Ordering::Release);
            // Whoever asked may have given it up.
            let _ = tell.send(loaded);
        });
        if let Err(why) = started {
            is_busy.store(false, Ordering::Release);
            return Err(LoadError::Compile { detail: format!("no thread starts: {why}") });
        }
        match told.recv_timeout(patience) {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                Err(LoadError::Compile { detail: "the compiler itself failed".to_owned() })
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(LoadError::TooSlow { seconds: patience.as_secs() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_limit_and_nothing_else_is_read_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large.wasm");
        File::create(&path).unwrap().set_len(PLUGIN_BYTES_MAX as u64 * 4).unwrap();
        let read = read_plugin(&path).unwrap();
        assert_eq!(read.len(), PLUGIN_BYTES_MAX + 1);
        let refused = Host::new().unwrap().load(&read, "large").unwrap_err();
        assert!(matches!(refused, LoadError::TooLarge { .. }), "{refused}");
        assert!(read_plugin(dir.path()).is_err());
        assert!(read_plugin(&dir.path().join("nothing")).is_err());
    }

    #[test]
    fn a_compiler_that_does_not_end_is_given_up_and_the_next_file_waits_for_its_end() {
        let host = Host::new().unwrap();
        let (let_go, held) = bounded::<()>(0);
        let wrong = || Err(LoadError::Precompiled);
        let moment = Duration::from_millis(20);
        let slow = host.within(moment, move || {
            let _ = held.recv();
            wrong()
        });
        assert_eq!(slow.unwrap_err(), LoadError::TooSlow { seconds: 0 });
        assert_eq!(host.within(moment, wrong).unwrap_err(), LoadError::CompilerBusy);
        drop(let_go);
        let patience = Duration::from_secs(30);
        let again = std::iter::repeat_with(|| host.within(patience, wrong).unwrap_err());
        let mut after = again.skip_while(|why| *why == LoadError::CompilerBusy);
        assert_eq!(after.next(), Some(LoadError::Precompiled));
    }

    #[test]
    fn a_compiler_that_panics_costs_its_file_alone() {
        let host = Host::new().unwrap();
        let patience = Duration::from_secs(30);
        let failed = host.within(patience, || panic!("put here by a test")).unwrap_err();
        assert!(failed.to_string().contains("the compiler itself failed"), "{failed}");
        let next = host.within(patience, || Err(LoadError::Precompiled)).unwrap_err();
        assert_eq!(next, LoadError::Precompiled);
    }
}
