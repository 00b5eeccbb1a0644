//! How often a policy may tell people something about one transaction or account.
//!
//! Apart because each alert is a line of the ledger, and a script is asked at every price: what is
//! said too often must not bury what is said once. It never changes what a policy decides.

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::time::Timestamp;

/// The same words are told once in so long.
const WINDOW_MS: u64 = 60_000;
/// Different ones in the same time; then people are told that there are more.
const ALERTS_MAX: usize = 10;

/// What was told, by whom about what.
#[derive(Debug)]
pub(super) struct Throttle<K>(BTreeMap<K, Told>);

/// What was told since.
#[derive(Debug)]
struct Told {
    since: Timestamp,
    words: BTreeSet<(String, String)>,
}

impl<K> Default for Throttle<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Throttle<K> {
    /// What people are told now of an alert of that level.
    pub(super) fn admit(
        &mut self,
        by: &K,
        (level, text): (&str, &str),
        now: Timestamp,
    ) -> Option<String> {
        let new = || Told { since: now, words: BTreeSet::new() };
        let told = self.0.entry(by.clone()).or_insert_with(new);
        if now.ms_since(told.since) >= WINDOW_MS {
            *told = new();
        }
        if told.words.len() > ALERTS_MAX || !told.words.insert((level.to_owned(), text.to_owned()))
        {
            return None;
        }
        if told.words.len() <= ALERTS_MAX {
            return Some(text.to_owned());
        }
        let (most, seconds) = (ALERTS_MAX, WINDOW_MS / 1_000);
        Some(format!("{text} (more than {most} alerts in {seconds} s: the rest is left out)"))
    }

    /// Keeps only those.
    pub(super) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.0.retain(|by, _| keep(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_are_told_once_a_minute_and_ten_different_ones_at_most() {
        let mut throttle = Throttle::default();
        let mut tell = |by: &str, level: &str, text: &str, second: i64| {
            throttle.admit(&by.to_owned(), (level, text), Timestamp(second * 1_000_000))
        };
        let rows = [
            ("a", "info", "near", 0, true),
            ("a", "info", "near", 1, false),
            ("a", "warn", "near", 2, true),
            ("b", "info", "near", 3, true),
            ("a", "info", "near", 59, false),
            ("a", "info", "near", 60, true),
            ("a", "info", "near", 61, false),
        ];
        for (by, level, text, second, is_told) in rows {
            let told = tell(by, level, text, second);
            assert_eq!(told, is_told.then(|| text.to_owned()), "{by} {level} at {second} s");
        }
        let told: Vec<String> =
            (0..20).filter_map(|at| tell("c", "info", &format!("at {at}"), 70)).collect();
        assert_eq!(told.len(), 11);
        assert_eq!(told[9], "at 9");
        assert_eq!(told[10], "at 10 (more than 10 alerts in 60 s: the rest is left out)");
        assert_eq!(tell("c", "info", "at 19", 130).as_deref(), Some("at 19"));
    }
}
