//! What people are told of a budget: how much of it is used, who waits, and how long.
//!
//! Apart because nothing here decides anything.

use std::collections::VecDeque;

use crate::command::Urgency;
use crate::time::Timestamp;

/// How a budget is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaceStats {
    /// Requests that may go out in a minute.
    pub per_minute: u32,
    /// Requests of the last minute.
    pub used: u32,
    /// One row for each class, most urgent first.
    pub classes: Vec<ClassStats>,
    /// How often the broker said that it was too much.
    pub limited: u64,
    /// Nothing goes out before then, by the broker's word.
    pub limited_until: Option<Timestamp>,
}

/// How one class is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassStats {
    /// The class.
    pub urgency: Urgency,
    /// Messages that wait.
    pub waiting: usize,
    /// The longest that one waited so far, in milliseconds; those that wait now included.
    pub longest_ms: u64,
}

/// Requests by second, of the last minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Used {
    by_second: VecDeque<(i64, i64)>,
}

impl Used {
    /// Counts requests; below zero takes back.
    pub(super) fn add(&mut self, requests: i64, now: Timestamp) {
        let second = now.0.div_euclid(1_000_000);
        self.by_second.retain(|(at, _)| *at > second - 60);
        match self.by_second.back_mut() {
            Some((at, count)) if *at == second => *count += requests,
            _ => self.by_second.push_back((second, requests)),
        }
    }

    /// Requests of the last minute.
    pub(super) fn last_minute(&self, now: Timestamp) -> u32 {
        let second = now.0.div_euclid(1_000_000);
        let recent = self.by_second.iter().filter(|(at, _)| (second - 59..=second).contains(at));
        u32::try_from(recent.map(|(_, count)| count).sum::<i64>().max(0)).unwrap_or(u32::MAX)
    }
}
