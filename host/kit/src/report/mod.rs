//! What comes out: for people as text, for programs as JSON.
//!
//! Apart because a report travels with a plugin's digest: whoever reads it must be able to tell which
//! file it is about, what was run, and what was not.

mod json;
mod text;

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use bracketd_core::instrument::AccountInfo;

use crate::Kit;
use crate::row::{Outcome, Part, Row};
use crate::watch::Cost;

/// How many rows ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// As they must.
    pub passed: usize,
    /// Not as they must.
    pub failed: usize,
    /// Not offered by the plugin or its broker.
    pub not_offered: usize,
}

/// A feature: what the plugin says of it, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Its key.
    pub feature: String,
    /// Whether the plugin declares it, for the account or for the instrument.
    pub is_declared: bool,
    /// Whether the kit saw it kept; none where no row tries it, or none that does was run.
    pub is_seen: Option<bool>,
}

/// The report of one run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The name of the file.
    pub file: String,
    /// SHA-256 of it.
    pub digest: String,
    /// The ABI that was tried.
    pub abi: &'static str,
    /// What the plugin says of itself; none when no row came so far.
    pub info: Option<AccountInfo>,
    /// What it says that it can do, and what was seen of that.
    pub capabilities: Vec<Capability>,
    /// The broker that it was tried against.
    pub broker: String,
    /// What of the rows was chosen; none is all.
    pub filter: Option<String>,
    /// The rows, in the order of the plan.
    pub rows: Vec<Row>,
    /// What each export cost.
    pub costs: BTreeMap<&'static str, Cost>,
    /// How long all of it took.
    pub took: Duration,
}

impl Report {
    pub(crate) fn new(kit: &Kit, rows: Vec<Row>, filter: Option<&str>, took: Duration) -> Self {
        let costs = kit.costs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            file: kit.plugin.name().to_owned(),
            digest: kit.plugin.digest().to_owned(),
            abi: kit.plugin.abi(),
            info: kit.told.info.get().cloned(),
            capabilities: capabilities(kit, &rows),
            broker: match &kit.broker {
                Some(url) => format!("the fake broker at {url}"),
                None => "the paper exchange in this process (Alpaca's dialect)".to_owned(),
            },
            filter: filter.map(str::to_owned),
            rows,
            costs,
            took,
        }
    }

    /// How many rows ended how.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for row in &self.rows {
            match row.outcome {
                Outcome::Pass => counts.passed += 1,
                Outcome::Fail(_) => counts.failed += 1,
                Outcome::NotOffered(_) => counts.not_offered += 1,
            }
        }
        counts
    }

    /// Whether nothing failed and something was run.
    pub fn passes(&self) -> bool {
        let counts = self.counts();
        counts.failed == 0 && counts.passed > 0
    }
}

/// Every feature that is declared or has a row of its own.
fn capabilities(kit: &Kit, rows: &[Row]) -> Vec<Capability> {
    let of_account = kit.told.info.get().into_iter().flat_map(|info| info.features.keys());
    let of_instrument = kit.told.instrument.get().into_iter().flat_map(|i| i.features.keys());
    let mut all: BTreeMap<String, Capability> = BTreeMap::new();
    for feature in of_account.chain(of_instrument) {
        let feature = feature.to_owned();
        let known = Capability { feature: feature.clone(), is_declared: true, is_seen: None };
        all.insert(feature, known);
    }
    for row in rows.iter().filter(|row| row.part == Part::Broker && row.group == FEATURES) {
        let is_seen = match row.outcome {
            Outcome::Pass => Some(true),
            Outcome::Fail(_) => Some(false),
            Outcome::NotOffered(_) => None,
        };
        let feature = row.name.clone();
        let entry = all.entry(feature.clone());
        entry.or_insert(Capability { feature, is_declared: false, is_seen: None }).is_seen =
            is_seen;
    }
    all.into_values().collect()
}

/// The subject of the rows that each try one feature.
const FEATURES: &str = "features";
