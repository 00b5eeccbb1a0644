//! A token bucket in whole numbers: what may be used now, and when there will be enough.
//!
//! Apart because its arithmetic is the promise of the budget: what it holds at most and what flows
//! in during a minute make the budget together, so no minute ever sees more. No floats, no clock.

use crate::time::Timestamp;

/// Parts of a request: a flow of one request a minute brings one part in a microsecond.
pub(super) const REQUEST: i64 = 60_000_000;
/// A longer pause fills any bucket.
const PAUSE_US_MAX: i64 = 60_000_000;
/// Largest budget: above it the parts would not fit.
const PER_MINUTE_MAX: u32 = 10_000_000;

/// One bucket.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// What it holds at most, in parts.
    capacity: i64,
    /// What flows in, in requests a minute.
    flow: i64,
    level: i64,
    at: Option<Timestamp>,
}

impl Bucket {
    /// A full bucket that lets `per_minute` requests through in any minute: a fifth of them at
    /// once, the rest as it flows in.
    pub(super) fn new(per_minute: u32) -> Self {
        let per_minute = i64::from(per_minute.clamp(2, PER_MINUTE_MAX));
        let burst = (per_minute / 5).max(1);
        let capacity = burst * REQUEST;
        Self { capacity, flow: per_minute - burst, level: capacity, at: None }
    }

    /// What it holds at most, in parts.
    pub(super) fn capacity(&self) -> i64 {
        self.capacity
    }

    /// What it holds, in parts; below zero while more was used than was allowed.
    pub(super) fn level(&self, now: Timestamp) -> i64 {
        // A clock that was set back brings nothing and takes nothing.
        let passed = self.at.map_or(0, |at| now.0.saturating_sub(at.0).clamp(0, PAUSE_US_MAX));
        (self.level + passed * self.flow).min(self.capacity)
    }

    /// When it holds so many parts; more than it can hold is asked of a full one.
    pub(super) fn ready_at(&self, parts: i64, now: Timestamp) -> Timestamp {
        let lacks = parts.min(self.capacity) - self.level(now);
        let wait_us = if lacks > 0 { (lacks + self.flow - 1) / self.flow } else { 0 };
        Timestamp(now.0.saturating_add(wait_us))
    }

    /// Takes so many parts, down to a quarter of the capacity below zero; gives back with less than
    /// zero.
    pub(super) fn take(&mut self, parts: i64, now: Timestamp) {
        let level = self.level(now).saturating_sub(parts);
        self.level = level.clamp(-self.capacity / 4, self.capacity);
        self.at = Some(now);
    }

    /// Notes that the clock was set back: what flows in counts from then on.
    pub(super) fn catch_up(&mut self, now: Timestamp) {
        self.at = self.at.map(|at| at.min(now));
    }

    /// Leaves at most so many parts at that moment.
    pub(super) fn drain_to(&mut self, parts: i64, now: Timestamp) {
        self.level = self.level(now).min(parts);
        self.at = Some(now);
    }
}
