//! The report as programs read it: every row, whatever became of it.

use serde_json::{Value, json};

use super::{Capability, Report};
use crate::row::{Outcome, Row};

impl Report {
    /// The report as JSON.
    pub fn json(&self) -> Value {
        let counts = self.counts();
        json!({
            "plugin": self.info.as_ref().map(|info| info.name.as_str()),
            "version": self.info.as_ref().map(|info| info.version.as_str()),
            "file": self.file,
            "sha256": self.digest,
            "abi": self.abi,
            "kit": env!("CARGO_PKG_VERSION"),
            "broker": self.broker,
            "filter": self.filter,
            "passes": self.passes(),
            "counts": {
                "passed": counts.passed,
                "failed": counts.failed,
                "not_offered": counts.not_offered,
            },
            "took_ms": millis(self.took),
            "capabilities": self.capabilities.iter().map(capability).collect::<Vec<_>>(),
            "costs": self.costs.iter().map(|(export, cost)| json!({
                "export": export,
                "calls": cost.calls,
                "requests": cost.requests,
                "own_ms": millis(cost.own),
                "own_ms_max": millis(cost.own_max),
            })).collect::<Vec<_>>(),
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

fn capability(capability: &Capability) -> Value {
    let Capability { feature, is_declared, is_seen } = capability;
    json!({ "feature": feature, "declared": is_declared, "seen": is_seen })
}

fn row(row: &Row) -> Value {
    let mut told = json!({
        "part": row.part.as_str(),
        "group": row.group,
        "name": row.name,
        "took_ms": millis(row.took),
    });
    match &row.outcome {
        Outcome::Pass => told["outcome"] = "pass".into(),
        Outcome::Fail(finding) => {
            told["outcome"] = "fail".into();
            told["expected"] = finding.expected.as_str().into();
            told["happened"] = finding.happened.as_str().into();
            told["at"] = finding.at.as_str().into();
        }
        Outcome::NotOffered(why) => {
            told["outcome"] = "not_offered".into();
            told["why"] = why.as_str().into();
        }
    }
    told
}

/// Milliseconds with three digits behind the point.
fn millis(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
