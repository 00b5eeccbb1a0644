//! The policies of a history: those that come with bracketd, one that lets the host work, and some
//! that nobody should write.
//!
//! Apart because they are compiled once for all histories, in a few versions to reload between.

use bracketd_policy::{BuildReport, PolicySet, SourceFile, shipped};

/// What people would assign.
pub(crate) const GOOD: [&str; 4] =
    ["trailing_stop", "breakeven_after_1r", "fixed_bracket", "vol_stop"];
/// What lets the host do the work; beside the others, so that each seed keeps its history.
pub(crate) const HOSTED: &str = "host_trail";
/// What wants ladders.
pub(crate) const LADDERED: &str = "laddered";
/// What asks for nonsense.
pub(crate) const NONSENSE: [&str; 3] = ["nasty_prices", "nasty_flip", "nasty_close"];

/// All versions that a history may run.
#[derive(Clone, Debug)]
pub struct Scripts {
    /// What every history begins with.
    pub first: PolicySet,
    /// What one reload after the other brings: newer files, broken ones, few, the first again.
    reloads: Vec<BuildReport>,
}

impl Scripts {
    /// Compiles them.
    pub fn build() -> Self {
        let mut sources = shipped();
        // Their own tests are run by the tests of the policy host.
        sources.tests.clear();
        sources.policies.extend(nasty());
        let first = PolicySet::build(&sources, None).set;
        let mut newer = sources.clone();
        for file in &mut newer.policies {
            file.text.push_str("\n// another version\n");
        }
        let mut broken = sources.clone();
        for file in &mut broken.policies {
            file.text.push_str("\nfn on_tick(t, m, p) { let = ; }\n");
        }
        let mut fewer = sources.clone();
        fewer.policies.retain(|file| file.name == "trailing_stop");
        let mut reloads = Vec::new();
        let mut running = first.clone();
        for next in [newer, broken, fewer, sources] {
            let report = PolicySet::build(&next, Some(&running));
            running = report.set.clone();
            reloads.push(report);
        }
        Self { first, reloads }
    }

    /// What the reload of that number comes to.
    pub(crate) fn reload(&self, number: usize) -> Option<&BuildReport> {
        self.reloads.get(number % self.reloads.len().max(1))
    }
}

fn nasty() -> Vec<SourceFile> {
    let file = |name: &str, text: &str| SourceFile::new(name, &format!("sim/{name}.rhai"), text);
    vec![
        file("host_trail", include_str!("../policies/host_trail.rhai")),
        file("laddered", include_str!("../policies/laddered.rhai")),
        file("nasty_error", include_str!("../policies/nasty_error.rhai")),
        file("nasty_slow", include_str!("../policies/nasty_slow.rhai")),
        file("nasty_prices", include_str!("../policies/nasty_prices.rhai")),
        file("nasty_flip", include_str!("../policies/nasty_flip.rhai")),
        file("nasty_close", include_str!("../policies/nasty_close.rhai")),
    ]
}
