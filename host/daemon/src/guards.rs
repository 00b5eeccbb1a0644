//! The guards as people read them: what holds for an account, where it is from, how often it said
//! no, and why there is such a guard.
//!
//! Apart from the guards themselves, which are in the core and know no words for people. Command
//! line, API and start of the daemon tell the same rows.

mod explain;
mod rows;

#[cfg(test)]
mod tests;

use bracketd_core::book::AccountRules;
use bracketd_core::guard::selftest::{Fired, Held, run};
use bracketd_core::ids::AccountName;

pub use explain::{ALL, Explained, explain, explained};
pub use rows::{Counts, Row, Standing, Written, rows};

/// The code of a command that the last look before the wire stopped; it is no refusal.
pub const WIRE: &str = "WIRE";

/// Runs the self-test of an account's rules (G14).
///
/// # Errors
/// With the controls that let their violation through.
pub fn self_test(account: &AccountName, rules: &AccountRules) -> Result<Vec<Fired>, String> {
    let fired = run(rules);
    let bad: Vec<String> = fired
        .iter()
        .filter(|one| one.held == Held::LetThrough)
        .map(|one| {
            format!(
                "{} ({}): {} was answered {} instead of {}",
                one.guard.id(),
                one.guard.name(),
                one.violation,
                one.answer,
                one.expected
            )
        })
        .collect();
    if bad.is_empty() {
        return Ok(fired);
    }
    Err(format!(
        "account {account}: the self-test of the guards failed: {}; change [account.guards], then \
         try `bracketd guard test`",
        bad.join("; ")
    ))
}
