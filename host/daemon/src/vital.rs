//! Threads that the daemon cannot do without, and what their failure costs: the process.
//!
//! Apart because one rule holds for all of them, as for the threads of accounts: a daemon that looks
//! alive while nobody reads its file KILL, watches its policies or answers its API is worse than one
//! that is gone. Whoever supervises it starts it again, and the start is recovery; stops stay at the
//! broker. Nothing else here may start a thread that outlives one call.

use std::thread::{Builder, JoinHandle};

/// Starts a thread; a panic on it ends the process.
///
/// # Errors
/// Where the thread cannot be started.
pub(crate) fn spawn<R: Send + 'static>(
    name: &'static str,
    body: impl FnOnce() -> R + Send + 'static,
) -> std::io::Result<JoinHandle<R>> {
    Builder::new().name(name.to_owned()).spawn(move || bracketd_account::vital(body))
}

/// Ends the process because such a thread has come to its end without having been told to.
pub(crate) fn end_process(why: &str) -> ! {
    tracing::error!("{why}; the daemon ends, to be started again");
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// Names the failure in the process that is to end.
    const CHILD: &str = "BRACKETD_TEST_VITAL";
    /// The signal of `abort`.
    const SIGABRT: i32 = 6;

    #[test]
    fn a_thread_that_fails_or_ends_by_itself_ends_the_process() {
        match std::env::var(CHILD).as_deref() {
            Ok("panic") => drop(spawn("test", || panic!("put here by a test")).unwrap().join()),
            Ok("end") => drop(spawn("test", || end_process("put here by a test")).unwrap().join()),
            Ok(_) => assert_eq!(spawn("test", || 7).unwrap().join().unwrap(), 7),
            Err(_) => {
                let name = "vital::tests::a_thread_that_fails_or_ends_by_itself_ends_the_process";
                for (what, signal) in [("panic", Some(SIGABRT)), ("end", Some(SIGABRT)), ("", None)]
                {
                    let mut child = Command::new(std::env::current_exe().unwrap());
                    let ended = child.args([name, "--exact"]).env(CHILD, what).output().unwrap();
                    assert_eq!(ended.status.signal(), signal, "{what}: {ended:?}");
                }
            }
        }
    }

    /// What may start threads of its own: this, a verb, whose threads end with it, and tests.
    const MAY: [&str; 4] = ["vital.rs", "cli", "tests.rs", "tests"];

    fn offenders(dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if MAY.contains(&&*name) {
                continue;
            }
            if path.is_dir() {
                offenders(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            if code.contains("thread::Builder") || code.contains("thread::spawn") {
                found.push(path.display().to_string());
            }
        }
    }

    #[test]
    fn every_long_lived_thread_is_started_here() {
        let mut found = Vec::new();
        offenders(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
        assert_eq!(found, [""; 0], "use vital::spawn there");
    }
}
