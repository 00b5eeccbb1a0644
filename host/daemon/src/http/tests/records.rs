//! Facts and activity over the API, out of real files.

use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Outcome, Source};
use bracketd_core::time::Timestamp;
use bracketd_store::activity::{ActivityLog, ActivityOptions};
use bracketd_store::{Batch, Ledger};
use serde_json::json;

use super::{Bench, always_opened, bench};
use crate::fixtures::opened;

fn fact(id: u64, kind: FactKind) -> Fact {
    let mut fact = Fact::new(Timestamp(1_000_000), kind, Source::Manual("ann".to_owned()));
    fact.transaction = Some(TransactionId(id));
    fact
}

/// Three facts, of transactions 7, 8 and 7; the activity log fills them in at its start.
fn filled() -> Bench {
    let bench = bench(Outcome::Stored, always_opened);
    let mut other = opened();
    other.id = TransactionId(8);
    let mut moved = fact(7, FactKind::StopChanged);
    moved.before = Some("95".parse().unwrap());
    moved.after = Some("96.50".parse().unwrap());
    moved.inputs = "{\"bid\":\"102\"}".to_owned();
    let facts = [fact(7, FactKind::TransactionOpened), fact(8, FactKind::TransactionOpened), moved];
    let mut ledger = Ledger::open(bench.dir.path()).unwrap();
    let first = opened();
    let mut batch = Batch::new(Timestamp(2_000_000));
    batch.transactions = vec![&first, &other];
    batch.facts = &facts;
    ledger.commit(&batch).unwrap();
    let log = ActivityLog::start(bench.dir.path(), ActivityOptions::default()).unwrap();
    assert_eq!(log.shutdown(10_000), 0);
    bench
}

#[test]
fn facts_of_a_transaction_come_oldest_first_with_what_was_decided_on() {
    let bench = filled();
    let (status, body) = bench.get("/api/v1/transactions/7/facts");
    assert_eq!(status, 200);
    let facts = body["facts"].as_array().unwrap();
    let kinds: Vec<_> = facts.iter().map(|fact| fact["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["transaction_opened", "stop_changed"]);
    assert_eq!(facts[1]["after"], "96.5");
    assert_eq!(facts[1]["inputs"], json!({ "bid": "102" }));
    assert_eq!(facts[1]["source"], "manual(ann)");
    let next = body["next"].as_str().unwrap();
    let (status, body) = bench.get(&format!("/api/v1/transactions/7/facts?after={next}"));
    assert_eq!((status, &body["facts"]), (200, &json!([])));
    assert_eq!(bench.get("/api/v1/transactions/9/facts").0, 404);
}

#[test]
fn activity_is_the_newest_or_what_follows() {
    let bench = filled();
    let seqs = |path: &str| {
        let (status, body) = bench.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        let rows = body["rows"].as_array().unwrap().iter();
        let rows: Vec<_> =
            rows.map(|row| row["transaction"].as_str().unwrap().to_owned()).collect();
        (rows, body["next"].as_str().unwrap().to_owned())
    };
    let (rows, next) = seqs("/api/v1/activity");
    assert_eq!(rows, ["7", "8", "7"]);
    assert_eq!(seqs("/api/v1/activity?limit=2").0, ["8", "7"], "the newest, oldest of them first");
    let (rows, first) = seqs("/api/v1/activity?after=0&limit=1");
    assert_eq!(rows, ["7"]);
    assert_eq!(seqs(&format!("/api/v1/activity?after={first}")).0, ["8", "7"]);
    assert_eq!(seqs("/api/v1/activity?transaction=8").0, ["8"]);
    assert_eq!(seqs(&format!("/api/v1/activity?after={next}")), (vec![], next));
}

#[test]
fn a_page_has_bounds_and_missing_files_are_told() {
    let bench = bench(Outcome::Stored, always_opened);
    for path in ["activity?limit=0", "activity?limit=1001", "activity?aftr=1", "activity?after=-1"]
    {
        assert_eq!(bench.get(&format!("/api/v1/{path}")).0, 422, "{path}");
    }
    let (status, body) = bench.get("/api/v1/activity");
    assert_eq!(
        (status, &body["code"], &body["retryable"]),
        (503, &json!("NOT_READ"), &json!(true))
    );
}
