//! Held quantity without its wanted stop that a person has to look at, one sentence each.
//!
//! Apart because it is the alarm of the third law: status, readiness and the command line say the
//! same words. It changes nothing and judges nothing: the book's clock does.

use std::collections::BTreeMap;

use bracketd_core::book::Book;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::TransactionId;
use bracketd_core::protection::{Exposed, Protection, protected_quantity};
use bracketd_core::transaction::Transaction;

use crate::clock::rfc3339;

/// What the broker said last when it rejected something, since the start.
#[derive(Debug, Default)]
pub(super) struct LastWords(BTreeMap<TransactionId, String>);

impl LastWords {
    /// A fact of now.
    pub(super) fn heard(&mut self, fact: &Fact) {
        let Some(id) = fact.transaction else { return };
        match fact.kind {
            FactKind::Settled if fact.code == "rejected" => {
                self.0.insert(id, fact.text.clone());
            }
            FactKind::Protected => {
                self.0.remove(&id);
            }
            FactKind::StatusChanged if ["CLOSED", "FAILED"].contains(&&*fact.code) => {
                self.0.remove(&id);
            }
            _ => {}
        }
    }

    /// A sentence for each.
    pub(super) fn alarms(&self, book: &Book) -> Vec<String> {
        let all = book.transactions.values();
        all.filter_map(|tx| self.alarm(tx)).collect()
    }

    fn alarm(&self, tx: &Transaction) -> Option<String> {
        let Protection::Unprotected { since, why } = tx.protection else { return None };
        let why = match why {
            Exposed::AccountDown => "its account is not connected",
            Exposed::Disarmed => "its account is disarmed, so nothing is sent",
            Exposed::Deadline => "its stop takes longer than the account's protection_deadline",
            Exposed::Rejected => "the broker rejected the stop",
            Exposed::Breached => "the stop is already through the market",
            Exposed::Unknown => "nobody knows what became of the command",
            Exposed::WaitingForEntry => "the rest of its entry is waited for, as configured",
        };
        let wanted = tx.desired.stop.map_or_else(String::new, |stop| format!("; wanted at {stop}"));
        let said = self.0.get(&tx.id).filter(|text| !text.is_empty());
        let said =
            said.map_or_else(String::new, |text| format!("; the broker's last word: {text}"));
        let bare = tx.held().minus(protected_quantity(tx));
        Some(format!(
            "transaction {} ({} on account {}): {bare} of {} held are without their stop since {}: \
             {why}{wanted}{said}; bracketd tx show {}",
            tx.id,
            tx.symbol,
            tx.account,
            tx.held(),
            rfc3339(since),
            tx.id
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bracketd_core::intent::Source;
    use bracketd_core::time::Timestamp;

    use super::*;

    #[test]
    fn i5_what_is_unprotected_is_told_with_how_much_since_when_why_and_the_brokers_words() {
        let mut tx = crate::fixtures::opened();
        let since = Timestamp(1_000_000);
        let rows = [
            (Protection::Protected, None),
            (Protection::Pending { since }, None),
            (Protection::Unprotected { since, why: Exposed::Disarmed }, Some("is disarmed")),
            (Protection::Unprotected { since, why: Exposed::AccountDown }, Some("not connected")),
            (Protection::Unprotected { since, why: Exposed::Rejected }, Some("rejected the stop")),
            (
                Protection::Unprotected { since, why: Exposed::Deadline },
                Some("protection_deadline"),
            ),
        ];
        let mut words = LastWords::default();
        let mut fact = Fact::new(since, FactKind::Settled, Source::Broker);
        fact.transaction = Some(tx.id);
        fact.code = "rejected".into();
        fact.text = "place stop: not shortable".to_owned();
        words.heard(&fact);
        for (protection, wanted) in rows {
            tx.protection = protection;
            let mut book = Book::default();
            book.transactions.insert(tx.id, Arc::new(tx.clone()));
            let told = words.alarms(&book);
            let Some(why) = wanted else {
                assert_eq!(told, Vec::<String>::new(), "{protection:?}");
                continue;
            };
            let id = tx.id.to_string();
            let held = format!("of {} held", tx.held());
            let parts = [why, &id, &held, "since 1970-01-01T00:00:01", "not shortable"];
            for part in parts {
                assert!(told[0].contains(part), "{part}: {told:?}");
            }
        }
        fact.kind = FactKind::Protected;
        words.heard(&fact);
        assert!(words.0.is_empty(), "it is over");
    }
}
