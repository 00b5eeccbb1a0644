//! What a tape run measured: how long each fill was without its stop.
//!
//! Apart because it listens to facts only; the run goes the same way without it.

use std::collections::BTreeMap;
use std::time::Instant;

use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::ids::TransactionId;

/// Counters and spans of a run.
#[derive(Debug, Default)]
pub struct TapeReport {
    open: BTreeMap<TransactionId, Instant>,
    /// From a fill to the confirmed stop, in microseconds of real time, in the order of their end.
    pub gaps_us: Vec<u64>,
    /// The same spans in milliseconds of the tape's time.
    pub gaps_tape_ms: Vec<u64>,
    /// Times that held quantity was Unprotected, with the reason.
    pub unprotected: BTreeMap<String, u64>,
    /// Commands sent.
    pub commands: u64,
    /// Stops moved.
    pub stops_moved: u64,
    /// Fills of entries and of exits.
    pub fills: (u64, u64),
}

impl TapeReport {
    pub(super) fn sent(&mut self) {
        self.commands += 1;
    }

    pub(super) fn heard(&mut self, fact: &Fact) {
        match (fact.kind, fact.transaction) {
            (FactKind::EntryFilled, Some(id)) => {
                self.fills.0 += 1;
                self.open.entry(id).or_insert_with(Instant::now);
            }
            (FactKind::ExitFilled, Some(_)) => self.fills.1 += 1,
            (FactKind::StopChanged, Some(_)) => self.stops_moved += 1,
            (FactKind::Protected, Some(id)) => {
                if let Some(since) = self.open.remove(&id) {
                    let us = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.gaps_us.push(us);
                    self.gaps_tape_ms.push(fact.span_ms.unwrap_or(0));
                }
            }
            (FactKind::Unprotected, Some(_)) => {
                *self.unprotected.entry(fact.code.to_string()).or_default() += 1;
            }
            _ => {}
        }
    }

    /// The value below which this share of the spans lies, in percent; the longest at 100.
    pub fn percentile(values: &[u64], percent: usize) -> Option<u64> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        sorted.get(last * percent / 100).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::TapeReport;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values = [5, 1, 9, 3, 7];
        let at = |percent| TapeReport::percentile(&values, percent);
        assert_eq!([at(0), at(50), at(99), at(100)], [Some(1), Some(5), Some(7), Some(9)]);
        assert_eq!(TapeReport::percentile(&[], 50), None);
    }
}
