//! How times are distributed, in little memory: what a million histories took.
//!
//! Apart because it only counts. Times are known to an eighth of themselves; the longest exactly.

/// Times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    /// Adds a time.
    pub fn add(&mut self, ms: u64) {
        let at = place(ms);
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
        self.total += 1;
        self.max = self.max.max(ms);
    }

    /// Adds all times of another one.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// How many times.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The longest.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The time that so many percent do not exceed.
    pub fn percentile(&self, percent: u64) -> u64 {
        let wanted = (self.total * percent).div_ceil(100);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && *count > 0 {
                return upper(at).min(self.max);
            }
        }
        self.max
    }
}

/// Eight places for each doubling.
fn place(ms: u64) -> usize {
    let value = ms + 8;
    let doublings = u64::from(value.ilog2());
    let eighth = (value >> (doublings - 3)) & 7;
    usize::try_from((doublings - 3) * 8 + eighth).unwrap_or(usize::MAX)
}

fn upper(place: usize) -> u64 {
    let (doublings, eighth) = (place as u64 / 8, place as u64 % 8);
    ((9 + eighth) << doublings) - 9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_in_its_place() {
        for ms in (0..5_000).chain([60_000, 1_000_000]) {
            let at = place(ms);
            assert!(ms <= upper(at), "{ms} above {}", upper(at));
            assert!(at == 0 || ms > upper(at - 1), "{ms} not above {}", upper(at - 1));
        }
    }

    #[test]
    fn percentiles_are_those_of_a_sorted_list() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|ms| histogram.add(ms));
        assert!(histogram.percentile(50).abs_diff(50) <= 6);
        assert_eq!(
            (histogram.percentile(100), histogram.max(), histogram.total()),
            (100, 100, 100)
        );
    }
}
