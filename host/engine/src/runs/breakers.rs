//! Breakers: which policies are not asked any more, and about what.
//!
//! Apart from what follows because these are bare counts over failures: no book, no script. A run
//! that lacked data is no failure and is never counted. What is frozen stays so until another
//! version is loaded or a person clears it; stops stay in every case (I10).

use std::collections::{BTreeMap, VecDeque};

use bracketd_core::ids::{PolicyName, TransactionId};
use bracketd_core::time::Timestamp;
use bracketd_store::PolicyFreeze;

/// Failures in a row about one transaction that freeze the policy there.
const IN_A_ROW_MAX: u32 = 3;
/// Two overruns of a version within this freeze it for all; so many failures of any kind within it
/// send it back.
const WINDOW_MS: u64 = 60_000;
/// Failures of a version within the window that send it back.
const ERRORS_MAX: usize = 10;
/// Part of a policy's transactions, in percent, that has to be frozen for the version to go back,
/// and the fewest transactions that count as a part.
const FROZEN_PERCENT: usize = 20;
const FROZEN_MIN: usize = 3;
/// Versions of one policy that are remembered as sent back.
const REMEMBERED_MAX: usize = 8;

/// A version of a policy by its content hash.
pub(super) type Version = (PolicyName, String);

/// What a failure comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trip {
    /// Nothing yet.
    None,
    /// The policy is not asked about this transaction any more.
    Transaction(String),
    /// The version is not asked any more at all.
    Version(String),
    /// The version gives way to the one before it, where there is one.
    Back(String),
}

/// One failed run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed<'a> {
    pub(super) policy: &'a PolicyName,
    pub(super) digest: &'a str,
    /// About which transaction; none is a whole account.
    pub(super) transaction: Option<TransactionId>,
    /// Whether it took too long.
    pub(super) is_overrun: bool,
    /// How many live transactions the policy has.
    pub(super) assigned: usize,
}

/// The counts, and what is frozen.
#[derive(Debug, Default)]
pub(crate) struct Breakers {
    frozen: Vec<PolicyFreeze>,
    /// Whether the ledger has to be told.
    is_changed: bool,
    in_a_row: BTreeMap<(PolicyName, Option<TransactionId>), u32>,
    errors: BTreeMap<Version, VecDeque<Timestamp>>,
    overruns: BTreeMap<Version, Timestamp>,
}

impl Breakers {
    pub(super) fn load(frozen: Vec<PolicyFreeze>) -> Self {
        Self { frozen, ..Self::default() }
    }

    /// What the next commit has to write: all that is frozen, where that changed.
    pub(super) fn take_changed(&mut self) -> Option<Vec<PolicyFreeze>> {
        std::mem::take(&mut self.is_changed).then(|| self.frozen.clone())
    }

    /// The commit failed: the ledger still has to be told.
    pub(super) fn keep_changed(&mut self) {
        self.is_changed = true;
    }

    pub(super) fn frozen(&self) -> &[PolicyFreeze] {
        &self.frozen
    }

    /// The freeze of the whole version.
    pub(super) fn of_version(&self, policy: &PolicyName, digest: &str) -> Option<&PolicyFreeze> {
        let is_it = |f: &&PolicyFreeze| {
            f.transaction.is_none() && f.policy == *policy && f.digest == digest
        };
        self.frozen.iter().find(is_it)
    }

    fn of<'a>(
        &'a self,
        policy: &'a PolicyName,
        digest: &'a str,
    ) -> impl Iterator<Item = &'a PolicyFreeze> {
        self.frozen.iter().filter(move |f| f.policy == *policy && f.digest == digest)
    }

    /// Whether that version is not to be asked about that transaction, or about an account.
    pub(super) fn stops(
        &self,
        policy: &PolicyName,
        digest: &str,
        transaction: Option<TransactionId>,
    ) -> bool {
        let concerns = |f: &PolicyFreeze| f.transaction.is_none() || f.transaction == transaction;
        !self.frozen.is_empty() && self.of(policy, digest).any(concerns)
    }

    /// A run ended well: failures are not in a row any more.
    pub(super) fn ran_well(&mut self, policy: &PolicyName, transaction: Option<TransactionId>) {
        if !self.in_a_row.is_empty() {
            self.in_a_row.remove(&(policy.clone(), transaction));
        }
    }

    /// A run failed. The worst that follows from it is given.
    pub(super) fn failed(&mut self, failed: &Failed<'_>, now: Timestamp) -> Trip {
        let Failed { policy, digest, transaction, .. } = *failed;
        let version = (policy.clone(), digest.to_owned());
        let errors = self.errors.entry(version.clone()).or_default();
        errors.retain(|at| now.ms_since(*at) < WINDOW_MS);
        errors.push_back(now);
        let is_storm = errors.len() >= ERRORS_MAX;
        let count = self.in_a_row.entry((policy.clone(), transaction)).or_default();
        *count += 1;
        let is_row = *count >= IN_A_ROW_MAX;
        let has_overrun_twice = failed.is_overrun && {
            let before = self.overruns.insert(version, now);
            before.is_some_and(|before| now.ms_since(before) <= WINDOW_MS)
        };
        if has_overrun_twice {
            return Trip::Version("it overran twice within a minute".to_owned());
        }
        if is_storm {
            return Trip::Back(format!("it failed {ERRORS_MAX} times within a minute"));
        }
        match transaction {
            _ if !is_row => Trip::None,
            None => Trip::Back(format!("it failed {IN_A_ROW_MAX} times in a row")),
            Some(_) => {
                let frozen = self.of(policy, digest).count() + 1;
                match is_part(frozen, failed.assigned) {
                    true => Trip::Back(format!(
                        "it is frozen for {frozen} of its {} transactions",
                        failed.assigned
                    )),
                    false => Trip::Transaction(format!("it failed {IN_A_ROW_MAX} times in a row")),
                }
            }
        }
    }

    /// Notes a freeze; one that is there already stays as it is. Gives whether it is new.
    pub(super) fn freeze(&mut self, freeze: PolicyFreeze) -> bool {
        let is_same = |f: &PolicyFreeze| f.transaction == freeze.transaction;
        if self.of(&freeze.policy, &freeze.digest).any(is_same) {
            return false;
        }
        self.is_changed = true;
        self.frozen.push(freeze);
        true
    }

    /// Lifts the freeze of a version that was made for a reason which begins like this.
    pub(super) fn lift(&mut self, policy: &PolicyName, digest: &str, reason: &str) {
        self.keep(|f| {
            let is_it = f.transaction.is_none() && f.policy == *policy && f.digest == digest;
            !is_it || !f.why.starts_with(reason)
        });
    }

    /// What the script says about errors was done there.
    pub(super) fn acted(&mut self, policy: &PolicyName, transaction: Option<TransactionId>) {
        let own = |f: &&mut PolicyFreeze| f.policy == *policy && f.transaction == transaction;
        for freeze in self.frozen.iter_mut().filter(own) {
            self.is_changed |= !freeze.acted;
            freeze.acted = true;
        }
    }

    /// Another version of the policy decides: what was counted of the one before is forgotten. That
    /// versions were frozen as a whole is remembered, so that none comes back by itself.
    pub(super) fn another_version(&mut self, policy: &PolicyName) {
        self.in_a_row.retain(|(name, _), _| name != policy);
        self.errors.retain(|(name, _), _| name != policy);
        self.overruns.retain(|(name, _), _| name != policy);
        let whole = self.frozen.iter().filter(|f| f.policy == *policy && f.transaction.is_none());
        let mut surplus = whole.count().saturating_sub(REMEMBERED_MAX);
        self.keep(|freeze| {
            let is_surplus = freeze.transaction.is_none() && surplus > 0;
            surplus -= usize::from(is_surplus && freeze.policy == *policy);
            freeze.policy != *policy || (freeze.transaction.is_none() && !is_surplus)
        });
    }

    /// A person clears the freezes of the policy, those of one transaction where it is named. Gives
    /// how many there were.
    pub(super) fn thaw(
        &mut self,
        policy: &PolicyName,
        transaction: Option<TransactionId>,
    ) -> usize {
        let before = self.frozen.len();
        let concerns = |of: Option<TransactionId>| transaction.is_none() || of == transaction;
        self.keep(|freeze| freeze.policy != *policy || !concerns(freeze.transaction));
        self.in_a_row.retain(|(name, of), _| name != policy || !concerns(*of));
        if transaction.is_none() {
            self.errors.retain(|(name, _), _| name != policy);
            self.overruns.retain(|(name, _), _| name != policy);
        }
        before - self.frozen.len()
    }

    /// The transaction has ended.
    pub(super) fn forget(&mut self, id: TransactionId) {
        self.in_a_row.retain(|(_, of), _| *of != Some(id));
        self.keep(|freeze| freeze.transaction != Some(id));
    }

    fn keep(&mut self, keeps: impl FnMut(&PolicyFreeze) -> bool) {
        let before = self.frozen.len();
        self.frozen.retain(keeps);
        self.is_changed |= self.frozen.len() != before;
    }
}

/// Whether so many frozen transactions are a part of those assigned that speaks against the version.
fn is_part(frozen: usize, assigned: usize) -> bool {
    frozen >= FROZEN_MIN && frozen * 100 >= assigned * FROZEN_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp(START + second * 1_000_000)
    }

    fn freeze(digest: &str, transaction: Option<u64>) -> PolicyFreeze {
        PolicyFreeze {
            policy: PolicyName::new("p"),
            digest: digest.to_owned(),
            transaction: transaction.map(TransactionId),
            why: String::new(),
            since: at(0),
            back_to: None,
            acted: false,
        }
    }

    /// What each failure of version `d` comes to: `(second, transaction, overrun)`.
    fn trips(assigned: usize, failures: &[(i64, u64, bool)]) -> Vec<&'static str> {
        let mut all = Breakers::default();
        let policy = PolicyName::new("p");
        let one = |(second, id, is_overrun): &(i64, u64, bool)| {
            let transaction = Some(TransactionId(*id));
            let digest = "d";
            let failed =
                Failed { policy: &policy, digest, transaction, is_overrun: *is_overrun, assigned };
            match all.failed(&failed, at(*second)) {
                Trip::None => "-",
                Trip::Transaction(_) => {
                    all.freeze(freeze("d", Some(*id)));
                    "there"
                }
                Trip::Version(_) => "version",
                Trip::Back(_) => "back",
            }
        };
        failures.iter().map(one).collect()
    }

    /// What it shows, how many are assigned, failures by second, transaction and whether they are
    /// overruns, and what each of them trips.
    type Row<'a> = (&'a str, usize, Vec<(i64, u64, bool)>, Vec<&'a str>);

    #[test]
    fn i10_failures_trip_at_their_bounds_and_not_before() {
        let row = |id, from: i64| (0..3).map(move |n| (from + n * 30, id, false));
        let spread: Vec<_> = (0..9_i64).map(|n| (n * 7, n.unsigned_abs() + 1, false)).collect();
        let mut storm = spread.clone();
        storm.push((59, 10, false));
        let mut too_slow = spread.clone();
        too_slow.push((61, 10, false));
        let three: Vec<_> = row(1, 0).chain(row(2, 200)).chain(row(3, 400)).collect();
        let quiet = |n: usize| vec!["-"; n];
        let then = |n: usize, last: &'static str| [quiet(n), vec![last]].concat();
        let rows: [Row<'_>; 8] = [
            ("three in a row", 50, row(1, 0).collect(), vec!["-", "-", "there"]),
            ("two of each", 50, vec![(0, 1, false), (1, 1, false), (2, 2, false)], quiet(3)),
            ("two overruns", 50, vec![(0, 1, true), (60, 2, true)], vec!["-", "version"]),
            ("two, a minute apart", 50, vec![(0, 1, true), (61, 2, true)], quiet(2)),
            ("ten within a minute", 50, storm, then(9, "back")),
            ("nine, and one more later", 50, too_slow, quiet(10)),
            (
                "a fifth of fifteen",
                15,
                three.clone(),
                vec!["-", "-", "there", "-", "-", "there", "-", "-", "back"],
            ),
            (
                "less than a fifth",
                16,
                three,
                vec!["-", "-", "there", "-", "-", "there", "-", "-", "there"],
            ),
        ];
        for (name, assigned, failures, expected) in rows {
            assert_eq!(trips(assigned, &failures), expected, "{name}");
        }
    }

    #[test]
    fn a_freeze_is_of_one_version_and_a_run_that_ends_well_begins_the_count_anew() {
        let policy = PolicyName::new("p");
        let id = Some(TransactionId(1));
        let mut all = Breakers::load(vec![freeze("old", None), freeze("new", Some(1))]);
        let rows = [
            ("old", Some(2), true),
            ("old", None, true),
            ("new", Some(1), true),
            ("new", Some(2), false),
            ("new", None, false),
            ("other", Some(1), false),
        ];
        for (digest, transaction, expected) in rows {
            let stops = all.stops(&policy, digest, transaction.map(TransactionId));
            assert_eq!(stops, expected, "{digest} {transaction:?}");
        }
        assert_eq!(all.take_changed(), None, "the ledger has these");
        all.another_version(&policy);
        assert_eq!(all.take_changed(), Some(vec![freeze("old", None)]));
        let fails = Failed {
            policy: &policy,
            digest: "x",
            transaction: id,
            is_overrun: false,
            assigned: 50,
        };
        assert_eq!(all.failed(&fails, at(0)), Trip::None);
        assert_eq!(all.failed(&fails, at(1)), Trip::None);
        all.ran_well(&policy, id);
        assert_eq!(all.failed(&fails, at(2)), Trip::None);
        assert_eq!(all.thaw(&policy, None), 1);
        assert!(!all.stops(&policy, "old", None));
    }

    #[test]
    fn i11_versions_that_were_sent_back_are_remembered_up_to_a_bound() {
        let policy = PolicyName::new("p");
        let mut all = Breakers::default();
        for n in 0..20 {
            assert!(all.freeze(freeze(&format!("d{n}"), None)));
            assert!(!all.freeze(freeze(&format!("d{n}"), None)));
            all.another_version(&policy);
        }
        assert_eq!(all.frozen().len(), REMEMBERED_MAX);
        assert!(all.stops(&policy, "d19", None) && !all.stops(&policy, "d11", None));
    }
}
