//! What was committed is what is loaded, for any value of any field.

use bracketd_core::ids::{AccountName, TransactionId};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::Transaction;
use proptest::collection::vec;
use proptest::prelude::*;

use super::arbitrary::{fact, instrument, text, transaction};
use crate::{
    AccountState, Batch, FactFilter, KvEntry, Ledger, PolicyFreeze, PolicyParams, PolicyState,
    PolicyVersion,
};

fn commit(ledger: &mut Ledger, transactions: &[&Transaction]) {
    let batch = Batch { transactions: transactions.to_vec(), ..Batch::new(Timestamp(1)) };
    ledger.commit(&batch).unwrap();
}

/// What is loaded: the ended in the order of their ends, then the others by number.
fn as_loaded(mut all: Vec<Transaction>) -> Vec<Transaction> {
    let ended_at = |tx: &Transaction| tx.closed_at.unwrap_or(tx.created_at);
    all.sort_by_key(|tx| {
        let is_live = !tx.status.is_ended();
        (is_live, if is_live { Timestamp(0) } else { ended_at(tx) }, tx.id)
    });
    all
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_transactions_load_as_they_were_committed(
        a in transaction(1), b in transaction(2), c in transaction(7),
    ) {
        let mut ledger = Ledger::in_memory().unwrap();
        commit(&mut ledger, &[&a, &b]);
        commit(&mut ledger, &[&c]);
        let loaded = ledger.load().unwrap();
        prop_assert_eq!(loaded.transactions, as_loaded(vec![a, b, c]));
        prop_assert_eq!(loaded.last_transaction, 7);
    }

    /// The shadow saves writes and changes nothing: any state may follow any other.
    #[test]
    fn any_state_of_a_transaction_replaces_any_other(
        states in vec(transaction(3), 2..5),
    ) {
        let mut ledger = Ledger::in_memory().unwrap();
        let mut states = states;
        for (turn, tx) in states.iter_mut().enumerate() {
            // Steps are never used twice: each state plans rows of its own.
            tx.ops.iter_mut().for_each(|op| op.step = op.step / 8 * 8 + turn as u32);
            let mut seen = std::collections::BTreeSet::new();
            tx.ops.retain(|op| seen.insert((op.slice, op.legs, op.step)));
        }
        let mut before: Option<Transaction> = None;
        for tx in &states {
            let settled: Vec<_> = before
                .iter()
                .flat_map(|old| old.ops.clone())
                .map(|mut op| { op.state = bracketd_core::command::OpState::Done; op })
                .collect();
            let batch = Batch {
                transactions: vec![tx],
                ops: settled.iter().map(|op| (tx.id, op)).collect(),
                ..Batch::new(Timestamp(1))
            };
            ledger.commit(&batch).unwrap();
            prop_assert_eq!(&ledger.load().unwrap().transactions, std::slice::from_ref(tx));
            before = Some(tx.clone());
        }
    }

    #[test]
    fn any_facts_read_back_in_order_and_numbered_without_a_gap(
        facts in vec(fact(), 0..6), more in vec(fact(), 1..4),
    ) {
        let mut ledger = Ledger::in_memory().unwrap();
        let at = Timestamp(5);
        let first = ledger.commit(&Batch { facts: &facts, ..Batch::new(at) }).unwrap();
        prop_assert_eq!(first.first_fact_seq, 1);
        let second = ledger.commit(&Batch { facts: &more, ..Batch::new(at) }).unwrap();
        prop_assert_eq!(second.first_fact_seq, 1 + facts.len() as u64);
        let stored = ledger.facts(&FactFilter::default()).unwrap();
        for (seq, (stored, fact)) in (1..).zip(stored.iter().zip(facts.iter().chain(&more))) {
            prop_assert_eq!(stored.seq, seq);
            prop_assert_eq!(&stored.fact, fact);
        }
        prop_assert_eq!(stored.len(), facts.len() + more.len());
        prop_assert_eq!(ledger.load().unwrap().last_fact_seq, stored.len() as u64);
    }

    #[test]
    fn any_instrument_and_policy_load_as_they_were_committed(
        tx in transaction(1),
        (instrument, account) in (instrument(), text()),
        words in (text(), text(), text(), text()),
        (old, new) in (any::<i64>(), any::<i64>()),
    ) {
        let account = AccountName::from(account);
        let state = PolicyState {
            transaction: TransactionId(1),
            policy: words.0.as_str().into(),
            state_json: words.1.clone(),
            digest: words.2.clone(),
        };
        let version = |digest: &str, at| PolicyVersion {
            name: words.0.as_str().into(),
            digest: format!("{}{digest}", words.2),
            source: words.3.clone(),
            loaded_at: Timestamp(at),
            active: true,
        };
        let entry = |key: &str, value: &str, revision| KvEntry {
            key: key.to_owned(),
            value: value.as_bytes().to_vec(),
            revision,
        };
        let forgotten = [entry("gone", &words.1, 1)];
        let remembers = [entry("a", &words.2, 2), entry("b", "", 3)];
        let freeze = |transaction, back_to: Option<&str>| PolicyFreeze {
            policy: words.0.as_str().into(),
            digest: words.2.clone(),
            transaction,
            why: words.3.clone(),
            since: Timestamp(old),
            back_to: back_to.map(str::to_owned),
            acted: back_to.is_none(),
        };
        let all = vec![freeze(None, Some(&words.1)), freeze(Some(TransactionId(1)), None)];
        let kept = AccountState {
            account: account.clone(),
            policy: words.0.as_str().into(),
            state_json: words.1.clone(),
            digest: words.2.clone(),
        };
        let taken = |source: &str| PolicyParams {
            source: source.to_owned(),
            digest: words.2.clone(),
            loaded_at: Timestamp(new),
        };
        let mut ledger = Ledger::in_memory().unwrap();
        let before = Batch {
            kv: vec![(account.clone(), &forgotten)],
            policy_freezes: Some(vec![freeze(Some(TransactionId(2)), None)]),
            policy_params: Some(taken("before")),
            ..Batch::new(Timestamp(1))
        };
        ledger.commit(&before).unwrap();
        let batch = Batch {
            transactions: vec![&tx],
            policy_states: vec![state.clone()],
            policy_versions: vec![version("old", old), version("new", new)],
            instruments: vec![(account.clone(), &instrument)],
            kv: vec![(account.clone(), &remembers)],
            policy_freezes: Some(all.clone()),
            account_states: vec![kept.clone()],
            policy_params: Some(taken(&words.3)),
            ..Batch::new(Timestamp(1))
        };
        ledger.commit(&batch).unwrap();
        let loaded = ledger.load().unwrap();
        prop_assert_eq!(loaded.policy_freezes, all);
        prop_assert_eq!(loaded.account_states, vec![kept]);
        prop_assert_eq!(loaded.policy_params, Some(taken(&words.3)));
        prop_assert_eq!(loaded.policy_states, vec![state]);
        prop_assert_eq!(loaded.policy_versions, vec![version("new", new)]);
        prop_assert_eq!(loaded.kv, [(account.clone(), remembers.to_vec())].into());
        prop_assert_eq!(loaded.instruments, vec![(account, instrument)]);
    }
}
