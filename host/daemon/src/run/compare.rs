//! A comparison with the broker that somebody asked for: a complete read now, and what differs
//! after it.
//!
//! Apart because the asker waits for a read that the engine thread must not wait for. It shows
//! what the core found; it corrects nothing itself.

use bracketd_core::broker::{BrokerEvent, FromAccount};
use bracketd_core::ids::AccountName;
use bracketd_core::reconcile::differing;
use bracketd_engine::Input;
use crossbeam_channel::Sender;

use super::engine_thread::EngineThread;
use crate::message::{Compared, Comparison};

/// Somebody who waits for the next complete read of an account.
pub(super) type Waiting = (AccountName, Sender<Compared>);

impl EngineThread {
    /// Asks for the read; the answer follows it.
    pub(super) fn compare(
        &mut self,
        account: AccountName,
        reply: Sender<Compared>,
        inputs: &mut Vec<Input>,
    ) {
        let known = self.engine().book().accounts.get(&account);
        let at_once = match known {
            None => Some(Compared::Unknown),
            Some(known) if !known.is_up => Some(Compared::NotConnected),
            Some(_) => None,
        };
        match at_once {
            // Who asked may have gone; an answer nobody waits for harms nobody.
            Some(answer) => drop(reply.try_send(answer)),
            None => {
                inputs.push(Input::Compare(account.clone()));
                self.comparing.push((account, reply));
            }
        }
    }

    /// The accounts that somebody waits for and that these inputs read, and whether completely.
    pub(super) fn reads_awaited(&self, inputs: &[Input]) -> Vec<(AccountName, bool)> {
        let read = |input: &Input| match input {
            Input::Account(FromAccount { account, event: BrokerEvent::Picture(picture) }) => {
                let awaited = self.comparing.iter().any(|(name, _)| name == account);
                awaited.then(|| (account.clone(), picture.complete))
            }
            _ => None,
        };
        inputs.iter().filter_map(read).collect()
    }

    /// The step that took in these reads is committed: whoever waited is told what differs.
    pub(super) fn compared(&mut self, reads: &[(AccountName, bool)]) {
        for (name, is_complete) in reads {
            let comparison = self.comparison(name, *is_complete);
            self.comparing.retain(|(waits_for, reply)| {
                if waits_for != name {
                    return true;
                }
                drop(reply.try_send(Compared::Done(Box::new(comparison.clone()))));
                false
            });
        }
    }

    fn comparison(&self, name: &AccountName, is_complete: bool) -> Comparison {
        let book = self.engine().book();
        let account = book.accounts.get(name);
        Comparison {
            account: name.clone(),
            is_complete,
            positions: differing(book, name),
            foreign: account.map(|a| a.orphans.values().cloned().collect()).unwrap_or_default(),
        }
    }
}
