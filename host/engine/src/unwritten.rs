//! Kill levels that are raised while the ledger cannot be written.
//!
//! Apart because it is the one thing that does not wait for its commit: whoever throws the switch
//! on a full disk means now. The level stands in the book at once and in the batch that waits, so
//! the ledger gets both together; it sends nothing, and a level is never lowered here.

use std::collections::BTreeSet;

use bracketd_core::apply::Transition;
use bracketd_core::control::{KillFile, file_seen};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::AccountName;
use bracketd_core::intent::{Intent, Outcome, Request, Verdict};
use bracketd_core::time::Timestamp;

use crate::engine::Engine;
use crate::input::{Input, Ticket};

impl Engine {
    /// Whose kill level stands in the book and not yet in the ledger; none is the daemon's own.
    pub fn unwritten_kills(&self) -> BTreeSet<Option<AccountName>> {
        let batch = self.unsaved.iter().flat_map(|(out, _)| &out.facts);
        let kills = batch.filter(|fact| fact.kind == FactKind::KillChanged);
        kills.map(|fact| fact.account.clone()).collect()
    }

    /// Whether a person asks for a level above, or at, the one that stands.
    pub(crate) fn raises(&self, request: &Request) -> bool {
        let Intent::Kill { account, level, reset_baseline: false } = &request.intent else {
            return false;
        };
        let stands = match account {
            None => Some(self.book.kill.level),
            Some(name) => self.book.accounts.get(name).map(|account| account.control.kill.level),
        };
        request.source.is_person()
            && !request.why.trim().is_empty()
            && stands.is_some_and(|stands| stands <= *level)
    }

    /// Takes what arrived into the batch that waits, as far as it raises a level. Gives the answers,
    /// and the rest.
    pub(crate) fn hold_kills(
        &mut self,
        inputs: Vec<Input>,
        why: &str,
        now: Timestamp,
    ) -> (Vec<(Ticket, Verdict)>, Vec<Input>) {
        let (mut answers, mut rest) = (Vec::new(), Vec::new());
        for input in inputs {
            match input {
                Input::Request { ticket, request } if self.raises(&request) => {
                    let mut more = Transition::default();
                    let verdict = self.decide(&request, now, &mut more);
                    self.join_batch(more);
                    answers.push((ticket, self.held(&request, verdict, why)));
                }
                Input::KillFile(file) => self.hold_file(file, now),
                other => rest.push(other),
            }
        }
        (answers, rest)
    }

    fn hold_file(&mut self, file: Option<KillFile>, now: Timestamp) {
        let mut more = Transition::default();
        file_seen(&mut self.book, file, now, &mut more);
        self.join_batch(more);
    }

    /// What the level asks for is planned in the first step after the batch is written.
    fn join_batch(&mut self, more: Transition) {
        let Some((out, _)) = &mut self.unsaved else { return };
        self.replan.extend(more.touched.iter().copied());
        out.touched.extend(more.touched);
        out.facts.extend(more.facts);
        out.controls.extend(more.controls);
    }

    /// The answers of a batch that could not be written which need not wait: levels that were
    /// raised in it.
    pub(crate) fn early_answers(
        &self,
        raised: &[(Ticket, Request)],
        verdicts: &mut Vec<(Ticket, Verdict)>,
        why: &str,
    ) -> Vec<(Ticket, Verdict)> {
        let mut early = Vec::new();
        for (ticket, request) in raised {
            let Some(at) = verdicts.iter().position(|(waits, _)| waits == ticket) else { continue };
            let (_, verdict) = verdicts.remove(at);
            early.push((*ticket, self.held(request, verdict, why)));
        }
        early
    }

    fn held(&self, request: &Request, verdict: Verdict, why: &str) -> Verdict {
        let scope = request.intent.account().cloned();
        if !verdict.accepted() || !self.unwritten_kills().contains(&scope) {
            return verdict;
        }
        let message = format!(
            "{}; NOT YET IN THE LEDGER ({why}): it holds, and is written as soon as the ledger can \
             be. Until then nothing is sent, and only the file KILL outlives a restart",
            verdict.message
        );
        Verdict { outcome: Outcome::Held, message, ..verdict }
    }
}
