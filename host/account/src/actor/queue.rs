//! Commands that wait for a write instance, most urgent first (I14).
//!
//! Two rules beside urgency: one call of a transaction at a time, and the last free instance is
//! kept for what protects or closes.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex};

use bracketd_core::command::{Command, Urgency};
use bracketd_core::ids::TransactionId;

use crate::lock::lock;

/// The commands of one account.
#[derive(Debug)]
pub(crate) struct WriteQueue {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State {
    waiting: Vec<(u64, Command)>,
    next: u64,
    busy: HashSet<TransactionId>,
    free: usize,
    instances: usize,
    closed: bool,
}

impl WriteQueue {
    /// An empty queue for so many instances.
    pub(crate) fn new(instances: usize, capacity: usize) -> Self {
        let state = State {
            waiting: Vec::new(),
            next: 0,
            busy: HashSet::new(),
            free: instances,
            instances,
            closed: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), capacity }
    }

    /// Takes a command, or gives it back when there is no room.
    pub(crate) fn push(&self, command: Command) -> Result<(), Command> {
        let mut state = lock(&self.state);
        if state.closed || state.waiting.len() >= self.capacity {
            return Err(command);
        }
        let number = state.next;
        state.next += 1;
        state.waiting.push((number, command));
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// The next command for the instance that asks; none = the account ends.
    pub(crate) fn take(&self) -> Option<Command> {
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return None;
            }
            if let Some(command) = state.pick() {
                return Some(command);
            }
            state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// The call is over; its instance is free again.
    pub(crate) fn done(&self, transaction: TransactionId) {
        let mut state = lock(&self.state);
        state.busy.remove(&transaction);
        state.free += 1;
        drop(state);
        self.changed.notify_all();
    }

    /// Lets every instance go; what waits is not sent.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }
}

impl State {
    fn pick(&mut self) -> Option<Command> {
        let last = self.free <= 1 && self.instances > 1;
        let allowed = |command: &Command| {
            !self.busy.contains(&command.transaction)
                && (!last || command.urgency <= Urgency::Close)
        };
        let at = self
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, (_, command))| allowed(command))
            .min_by_key(|(_, (number, command))| (command.urgency, *number))
            .map(|(at, _)| at)?;
        let (_, command) = self.waiting.swap_remove(at);
        self.busy.insert(command.transaction);
        self.free = self.free.saturating_sub(1);
        Some(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bracketd_core::command::Call;

    fn command(transaction: u64, urgency: Urgency) -> Command {
        Command {
            account: "a".into(),
            transaction: TransactionId(transaction),
            op: format!("op{transaction}").into(),
            client_id: "c".into(),
            attempt: 1,
            urgency,
            call: Call::Cancel { order: "o".into() },
            gain: bracketd_core::Decimal::ZERO,
        }
    }

    fn picks(queue: &WriteQueue) -> Vec<u64> {
        let mut state = lock(&queue.state);
        std::iter::from_fn(|| state.pick()).map(|c| c.transaction.0).collect()
    }

    #[test]
    fn i14_the_most_urgent_goes_first_and_the_last_free_instance_is_kept() {
        use Urgency::*;
        for (instances, waiting, want) in [
            (4, vec![(1, Routine), (2, Tighten), (3, Unprotected), (4, Close)], vec![3, 4, 2]),
            (4, vec![(1, Routine), (2, Routine), (3, Routine), (4, Routine)], vec![1, 2, 3]),
            (4, vec![(1, Close), (2, Close), (3, Close), (4, Unprotected)], vec![4, 1, 2, 3]),
            (1, vec![(1, Routine)], vec![1]),
            (2, vec![(1, Reduce), (2, Reduce)], vec![1]),
        ] {
            let queue = WriteQueue::new(instances, 16);
            for (transaction, urgency) in &waiting {
                queue.push(command(*transaction, *urgency)).unwrap();
            }
            assert_eq!(picks(&queue), want, "{instances} {waiting:?}");
        }
    }

    #[test]
    fn one_call_of_a_transaction_at_a_time() {
        let queue = WriteQueue::new(4, 16);
        for urgency in [Urgency::Close, Urgency::Unprotected] {
            queue.push(command(7, urgency)).unwrap();
        }
        assert_eq!(picks(&queue), [7]);
        queue.done(TransactionId(7));
        assert_eq!(picks(&queue), [7]);
    }

    #[test]
    fn a_full_or_closed_queue_gives_the_command_back() {
        let queue = WriteQueue::new(1, 1);
        queue.push(command(1, Urgency::Close)).unwrap();
        assert_eq!(queue.push(command(2, Urgency::Close)).unwrap_err().transaction.0, 2);
        queue.close();
        assert!(queue.push(command(3, Urgency::Close)).is_err());
        assert!(queue.take().is_none());
    }
}
