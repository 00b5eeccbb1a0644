//! What would be other with the new version, counted and in words.
//!
//! Apart because people decide by these words whether a version does what they meant: two versions
//! are compared by what would hold afterwards, not by how they ask for it.

use std::fmt;

use bracketd_core::intent::{Intent, Request, Wish};
use bracketd_core::money::Price;

use super::{Ended, Moment, Subject};

/// What a version wants of a transaction or account.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wants {
    stop: Option<Price>,
    target: Option<Price>,
    is_closed: bool,
    /// Whatever else it asks for.
    rest: Vec<Intent>,
}

impl Wants {
    /// What holds with these requests.
    pub(super) fn of(about: &Subject, requests: Vec<Request>) -> Self {
        let (mut stop, mut target) = (None, None);
        if let Subject::Transaction(sample) = about {
            let desired = &sample.transaction.desired;
            (stop, target) = (desired.stop, desired.target);
        }
        let mut wants = Self { stop, target, is_closed: false, rest: Vec::new() };
        for Request { intent, .. } in requests {
            match (about, intent) {
                (Subject::Transaction(_), Intent::Protect { stop, target, .. }) => {
                    wish(stop, &mut wants.stop);
                    wish(target, &mut wants.target);
                }
                (
                    Subject::Transaction(_),
                    Intent::Barriers { transaction, stop, target, hold_ms },
                ) => {
                    wish(stop, &mut wants.stop);
                    wish(target, &mut wants.target);
                    let (stop, target) = (Wish::Keep, Wish::Keep);
                    wants.rest.push(Intent::Barriers { transaction, stop, target, hold_ms });
                }
                (Subject::Transaction(_), Intent::Ratchet { stop, .. }) => wants.stop = Some(stop),
                (Subject::Transaction(_), Intent::Close { .. }) => wants.is_closed = true,
                (_, intent) => wants.rest.push(intent),
            }
        }
        wants
    }
}

fn wish(wish: Wish, price: &mut Option<Price>) {
    match wish {
        Wish::Keep => {}
        Wish::Clear => *price = None,
        Wish::Set(wanted) => *price = Some(wanted),
    }
}

/// What may be other, as it is said of several; what cannot be taken back first, since a line may be
/// cut where it is shown.
const OTHERS: [&str; 7] = [
    "be closed",
    "get another stop",
    "get another target",
    "be closed no longer",
    "be dealt with otherwise",
    "lack what it asks for",
    "fail no longer",
];

/// How many moments were looked at, and of how many what would be other.
#[derive(Debug, Default)]
struct Count {
    asked: usize,
    others: [usize; OTHERS.len()],
}

/// The comparison of two versions.
#[derive(Debug)]
pub(super) struct Tally {
    transactions: Count,
    accounts: Count,
    moments: usize,
    is_all: bool,
    /// Whether time was up before all were asked.
    pub(super) is_cut: bool,
}

impl Tally {
    pub(super) fn new(moments: usize, is_all: bool) -> Self {
        let (transactions, accounts) = (Count::default(), Count::default());
        Self { transactions, accounts, moments, is_all, is_cut: false }
    }

    fn count(&mut self, moment: &Moment) -> &mut Count {
        match moment.about {
            Subject::Transaction(_) => &mut self.transactions,
            Subject::Account => &mut self.accounts,
        }
    }

    /// Neither version did well.
    pub(super) fn same(&mut self, moment: &Moment) {
        self.count(moment).asked += 1;
    }

    /// What the version before came to, if it was asked, and the new one.
    pub(super) fn add(&mut self, moment: &Moment, before: Option<Ended>, after: Option<Ended>) {
        let has_failed = matches!(before, Some(Ended::Failed(..)));
        let lacks =
            !matches!(before, Some(Ended::Skipped)) && matches!(after, Some(Ended::Skipped));
        let (old, new) = (wants(moment, before), wants(moment, after));
        let is_other = [
            new.is_closed && !old.is_closed,
            old.stop != new.stop,
            old.target != new.target,
            old.is_closed && !new.is_closed,
            old.rest != new.rest,
            lacks,
            has_failed,
        ];
        let count = self.count(moment);
        count.asked += 1;
        for (others, is_other) in count.others.iter_mut().zip(is_other) {
            *others += usize::from(is_other);
        }
    }
}

fn wants(moment: &Moment, ended: Option<Ended>) -> Wants {
    match ended {
        Some(Ended::Wants(wants)) => wants,
        Some(Ended::Failed(..) | Ended::Skipped) | None => Wants::of(&moment.about, Vec::new()),
    }
}

impl Count {
    /// `3 of 12 live transactions would get another stop, 1 would be closed`.
    fn words(&self, of: &str) -> Option<String> {
        let asked = self.asked;
        let mut parts = Vec::new();
        for (count, what) in self.others.iter().zip(OTHERS).filter(|(count, _)| **count > 0) {
            parts.push(match parts.is_empty() {
                true => format!("{count} of {asked} {of} would {what}"),
                false => format!("{count} would {what}"),
            });
        }
        if parts.is_empty() {
            parts.push(format!("none of {asked} {of} would be dealt with otherwise"));
        }
        (asked > 0).then(|| parts.join(", "))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.moments == 0 {
            return f.write_str("nothing live to rehearse it on");
        }
        let of = if self.is_all { "live transactions" } else { "newest live transactions" };
        let both = [self.transactions.words(of), self.accounts.words("accounts")];
        let said: Vec<String> = both.into_iter().flatten().collect();
        match said.is_empty() {
            true => f.write_str("not rehearsed: it handles neither prices nor bars")?,
            false => f.write_str(&said.join("; "))?,
        }
        f.write_str(if self.is_cut { "; the others were not asked: it took too long" } else { "" })
    }
}
