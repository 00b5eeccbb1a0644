//! Who decided that an account is armed or disarmed.
//!
//! Apart because the book keeps only what was decided: the facts say by whom, and after a restore
//! nobody would find the person that the book seems to mean. It only tells.

use std::collections::BTreeMap;

use bracketd_core::book::Account;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::AccountName;
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;
use bracketd_store::{FactFilter, LOST_FACTS, Ledger, StoreError};

/// The decision that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ArmedBy {
    /// Nobody's yet: the configuration's.
    #[default]
    Config,
    /// A person's.
    Person,
    /// A backup was put in the ledger's place, which disarms every account.
    Restore,
    /// An empty ledger took the place of a lost one, which does too.
    NewLedger,
    /// The activity log proved that the ledger had lost commits, which does too.
    LostFacts,
    /// The login opened another of the broker's accounts than the one that was armed.
    Login,
}

impl ArmedBy {
    /// Why nobody has to have disarmed it; none where somebody did.
    pub fn since(self) -> Option<&'static str> {
        match self {
            Self::Config | Self::Person => None,
            Self::Restore => Some("since a backup was restored"),
            Self::NewLedger => Some("since an empty ledger took the place of a lost one"),
            Self::LostFacts => {
                Some("since the ledger was found to have lost facts that were committed")
            }
            Self::Login => Some("since its login opened another account at the broker"),
        }
    }

    /// Its word in the API; never changed once released.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Person => "person",
            Self::Restore => "restore",
            Self::NewLedger => "new_ledger",
            Self::LostFacts => "lost_facts",
            Self::Login => "login",
        }
    }
}

/// The words of a decision, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

/// What the facts say, by account.
#[derive(Clone, Debug, Default)]
pub(super) struct Arming {
    by: BTreeMap<AccountName, (ArmedBy, Decision)>,
    /// What holds for an account of which no fact speaks.
    others: (ArmedBy, Option<Decision>),
}

impl Arming {
    /// Reads what was decided before this start.
    ///
    /// # Errors
    /// What the ledger says.
    pub(super) fn read(ledger: &Ledger, epoch: u32) -> Result<Self, StoreError> {
        let others = if epoch == 0 { ArmedBy::Config } else { ArmedBy::NewLedger };
        let mut arming = Self { by: BTreeMap::new(), others: (others, None) };
        let kinds = vec![FactKind::Armed, FactKind::Disarmed, FactKind::Restored];
        let mut filter = FactFilter { kinds, ..FactFilter::default() };
        loop {
            let page = ledger.facts(&filter)?;
            let Some(last) = page.last() else { return Ok(arming) };
            filter.after_seq = last.seq;
            page.iter().for_each(|stored| arming.heard(&stored.fact));
        }
    }

    /// A fact of now.
    pub(super) fn heard(&mut self, fact: &Fact) {
        let by = match (fact.kind, &fact.source) {
            (FactKind::Restored, _) => {
                self.by.clear();
                let is_loss = fact.code == LOST_FACTS;
                let by = if is_loss { ArmedBy::LostFacts } else { ArmedBy::Restore };
                self.others = (by, Some(decision(fact)));
                return;
            }
            (FactKind::Armed | FactKind::Disarmed, Source::Manual(_)) => ArmedBy::Person,
            (FactKind::Disarmed, Source::Host) => ArmedBy::Login,
            // A start that goes on with what was decided decides nothing.
            _ => return,
        };
        if let Some(name) = &fact.account {
            self.by.insert(name.clone(), (by, decision(fact)));
        }
    }

    /// Whose decision stands for the account.
    pub(super) fn of(&self, account: &Account) -> ArmedBy {
        self.by.get(&account.name).map_or(self.others.0, |(by, _)| *by)
    }

    /// Who that was, when and why, where a fact says so.
    pub(super) fn decision(&self, account: &Account) -> Option<Decision> {
        let own = self.by.get(&account.name).map(|(_, decision)| decision);
        own.or(self.others.1.as_ref()).cloned()
    }
}

fn decision(fact: &Fact) -> Decision {
    Decision { by: fact.source.label(), at: fact.at, why: fact.text.clone() }
}

#[cfg(test)]
mod tests {
    use bracketd_store::Batch;

    use super::*;

    fn fact(kind: FactKind, source: Source) -> Fact {
        let mut fact = Fact::new(Timestamp(1), kind, source);
        fact.account = (kind != FactKind::Restored).then(|| "paper".into());
        fact
    }

    #[test]
    fn g13_it_is_told_who_armed_or_disarmed_an_account() {
        let ann = || Source::Manual("ann".to_owned());
        let armed = || fact(FactKind::Armed, ann());
        let restored = || fact(FactKind::Restored, ann());
        let lost = || Fact { code: LOST_FACTS.into(), ..fact(FactKind::Restored, Source::Host) };
        let login = || fact(FactKind::Disarmed, Source::Host);
        let inherited = || fact(FactKind::Armed, Source::Recovery);
        let rows: [(u32, Vec<Fact>, ArmedBy); 8] = [
            (0, vec![], ArmedBy::Config),
            (1, vec![], ArmedBy::NewLedger),
            (0, vec![armed(), inherited()], ArmedBy::Person),
            (1, vec![armed(), restored()], ArmedBy::Restore),
            (1, vec![armed(), lost()], ArmedBy::LostFacts),
            (2, vec![restored(), armed()], ArmedBy::Person),
            (0, vec![armed(), login()], ArmedBy::Login),
            (1, vec![login(), restored()], ArmedBy::Restore),
        ];
        let account = Account::new("paper".into(), Default::default());
        for (epoch, facts, wanted) in rows {
            let mut ledger = Ledger::in_memory().unwrap();
            ledger.commit(&Batch { facts: &facts, ..Batch::new(Timestamp(1)) }).unwrap();
            let arming = Arming::read(&ledger, epoch).unwrap();
            assert_eq!(arming.of(&account), wanted, "{facts:?}");
            assert_eq!(arming.decision(&account).is_some(), !facts.is_empty(), "{facts:?}");
        }
    }
}
