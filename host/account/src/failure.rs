//! What a failure of the host's own code (a panic) costs, and where.
//!
//! Apart because there are two edges and nothing between them. Where a guest is called and its
//! answer is taken in, a panic costs that call ([`caught`]): what a plugin says can bring it about,
//! and a guest can harm only its own account (I9). Anywhere else on a thread of an account it ends
//! the process ([`vital`]): a daemon that looks alive and whose stops nobody moves any more is worse
//! than a restart, and start is recovery.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs it; when it panics, what it said. The caller throws away what it had been working on.
pub(crate) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| words(&*payload))
}

/// Runs the body of a thread that nothing can do without: a panic ends the process.
pub fn vital<R>(run: impl FnOnce() -> R) -> R {
    // The panic's own message stands on standard error already.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| std::process::abort())
}

fn words(payload: &(dyn Any + Send)) -> String {
    let literal = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = literal.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it did not say why".to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// Set in the process that is to end.
    const CHILD: &str = "BRACKETD_TEST_VITAL";
    /// The signal of `abort`.
    const SIGABRT: i32 = 6;

    #[test]
    fn a_caught_panic_tells_its_words() {
        assert_eq!(caught(|| 1), Ok(1));
        assert_eq!(caught(|| -> u8 { panic!("plain") }), Err("plain".to_owned()));
        let number = 7;
        assert_eq!(caught(|| -> u8 { panic!("no. {number}") }), Err("no. 7".to_owned()));
    }

    #[test]
    fn a_vital_thread_that_panics_ends_the_process() {
        if std::env::var_os(CHILD).is_some() {
            let thread = std::thread::spawn(|| vital(|| panic!("put here by a test")));
            drop(thread.join());
            return;
        }
        let name = "failure::tests::a_vital_thread_that_panics_ends_the_process";
        let program = std::env::current_exe().unwrap();
        let ended = Command::new(program).args([name, "--exact"]).env(CHILD, "1").output().unwrap();
        assert_eq!(ended.status.signal(), Some(SIGABRT), "{ended:?}");
    }
}
