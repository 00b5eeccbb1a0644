//! Facts and noise as log lines and activity records.
//!
//! Apart because both are for people: what proves a change is in the ledger already.

use bracketd_core::control::KillLevel;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;
use bracketd_engine::Noise;
use bracketd_store::activity::{ActivityKind, Record};

/// One line for what an operator must see; everything else only where details are asked for.
pub(super) fn log(fact: &Fact) {
    let tx = fact.transaction.map(|id| id.0);
    let account = fact.account.as_ref().map(|name| name.as_str());
    let (kind, code, text) = (fact.kind.as_str(), &*fact.code, fact.text.as_str());
    match fact.kind {
        // A switch that is cleared is good news.
        FactKind::KillChanged if code == KillLevel::Off.as_str() => {
            tracing::info!(tx, account, code, text, "{kind}");
        }
        FactKind::Alarm | FactKind::GuardTripped | FactKind::KillChanged | FactKind::Disarmed => {
            tracing::error!(tx, account, code, text, "{kind}")
        }
        FactKind::Unprotected
        | FactKind::Difference
        | FactKind::AccountDown
        | FactKind::Resolved
        | FactKind::Adopted
        | FactKind::Armed => {
            tracing::warn!(tx, account, code, text, "{kind}");
        }
        FactKind::PolicyFrozen => tracing::error!(tx, account, code, text, "{kind}"),
        FactKind::PolicyFailed
        | FactKind::PolicyRefused
        | FactKind::PolicyThawed
        | FactKind::ReviewChanged
        | FactKind::SymbolLockChanged
        | FactKind::Doubt => {
            tracing::warn!(tx, account, code, text, "{kind}");
        }
        // It ends an alarm.
        FactKind::Protected if !text.is_empty() => {
            tracing::info!(tx, account, code, text, "{kind}");
        }
        FactKind::AccountUp
        | FactKind::Reconciled
        | FactKind::PolicyLoaded
        | FactKind::PolicyAlert
        | FactKind::StatusChanged => tracing::info!(tx, account, code, text, "{kind}"),
        _ => tracing::debug!(tx, account, code, text, "{kind}"),
    }
}

/// Noise as a record.
pub(super) fn of_noise(noise: &Noise, now: Timestamp) -> Record {
    let figure;
    let (kind, transaction, policy, text) = match noise {
        Noise::Skipped { transaction, policy, missing } => {
            (ActivityKind::PolicySkipped, *transaction, policy, missing.as_str())
        }
        Noise::Note { transaction, policy, text } => {
            (ActivityKind::PolicyRan, *transaction, policy, text.as_str())
        }
        Noise::Metric { transaction, policy, name, value } => {
            figure = format!("metric {name} {value}");
            (ActivityKind::PolicyRan, *transaction, policy, figure.as_str())
        }
    };
    let source = Source::Policy { name: policy.clone(), digest: String::new() };
    let mut record = Record::new(now, kind).caused_by(&source);
    record.transaction = transaction.0;
    record.text = text.into();
    record
}
