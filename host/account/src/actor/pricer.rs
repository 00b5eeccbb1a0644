//! Reads the prices of the watched symbols, and tells those that changed.
//!
//! A thread of its own, so that prices never wait for fills, nor fills for prices. Prices may be
//! lost when the daemon is behind: the next read tells newer ones.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use bracketd_core::broker::Quote;
use bracketd_core::command::Urgency;
use bracketd_core::ids::Symbol;

use crate::actor::facts::Facts;
use crate::actor::reads;
use crate::actor::rhythm::Rhythm;
use crate::config::{PollConfig, ms};
use crate::failure::caught;
use crate::lock::lock;
use crate::scheduler::Caller;
use crate::slot::{Slot, Turn};

/// Leaves out prices that are as they were, and those that a newer one overtook.
#[derive(Debug, Default)]
pub(crate) struct QuoteFilter {
    last: HashMap<Symbol, Quote>,
}

impl QuoteFilter {
    /// The quotes that differ from the last ones of their symbols.
    pub(crate) fn changed(&mut self, quotes: Vec<Quote>) -> Vec<Quote> {
        let mut changed = quotes;
        changed.retain(|quote| {
            let last = self.last.get(&quote.symbol);
            last.is_none_or(|last| last != quote && last.at <= quote.at)
        });
        for quote in &changed {
            self.last.insert(quote.symbol.clone(), quote.clone());
        }
        changed
    }

    /// Forgets quotes that did not arrive.
    pub(crate) fn forget(&mut self) {
        self.last.clear();
    }
}

/// Runs until the account ends; a message on `wake` means that other symbols are watched.
pub(crate) fn run(mut slot: Slot, config: &PollConfig, facts: &Facts, wake: &Receiver<()>) {
    let per_minute = slot.shared.limits.messages_per_minute;
    while !slot.shared.stopping() {
        let began = Instant::now();
        let pause = match slot.ensure() {
            Err(not_ready) => not_ready.after,
            Ok(_) => {
                slot.begin(Turn::Each(Caller::Other, Urgency::Read), 0);
                if let Err(text) = caught(|| read(&mut slot, facts)) {
                    slot.panicked(&text);
                }
                slot.begin(Turn::Had, 0);
                let rests = slot.shared.rests.load(Ordering::Acquire);
                let rhythm = Rhythm::of(config, per_minute, rests, slot.cost("get-prices"));
                ms(rhythm.prices_ms).saturating_sub(began.elapsed())
            }
        };
        match wake.recv_timeout(pause.max(Duration::from_millis(1))) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn read(slot: &mut Slot, facts: &Facts) {
    let watched = lock(&slot.shared.watched).clone();
    if watched.is_empty() {
        return;
    }
    match reads::prices(slot, &watched) {
        Err(fault) => slot.shared.note_error(&format!("{}: {}", fault.code, fault.message)),
        Ok(quotes) => facts.tell_quotes(&slot.shared, quotes),
    }
}
