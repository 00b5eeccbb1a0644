//! World and journal together: written down first, then applied, then answered.
//!
//! Separate so that no handler can forget the journal. It must never apply what it could not write.

use crate::book::{ExchangeBook, Reject, RejectKind};
use crate::config::{ExchangeConfig, Feed};
use crate::journal::{Journal, JournalError};
use crate::tape::{Tape, TapeError};
use crate::wire::update;
use crate::world::{Command, Outcome, Source, World};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Why an exchange cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The tape is unreadable.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// The book file is unusable.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is nobody to trade.
    #[error("an exchange needs at least one account")]
    NoAccount,
    /// Two accounts cannot be told apart.
    #[error("key id \"{0}\" is given to two accounts")]
    KeyTwice(String),
    /// The address cannot be listened on, or no thread could be started.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A trade update: whose, and the message.
pub(crate) type Update = (usize, Arc<str>);

/// Updates that a slow listener may be behind before it is sent away.
const BEHIND_MAX: usize = 4_096;

pub(crate) struct Hub {
    pub(crate) world: World,
    journal: Option<Journal>,
    updates: broadcast::Sender<Update>,
}

impl Hub {
    /// Builds the world and brings it to where its book file left it.
    pub(crate) fn open(config: &ExchangeConfig) -> Result<Self, StartError> {
        if config.accounts.is_empty() {
            return Err(StartError::NoAccount);
        }
        for (index, account) in config.accounts.iter().enumerate() {
            if config.accounts.iter().skip(index + 1).any(|a| a.key_id == account.key_id) {
                return Err(StartError::KeyTwice(account.key_id.clone()));
            }
        }
        let source = match &config.feed {
            Feed::Manual => Source::Manual,
            Feed::Market(market) => Source::Market(market.clone()),
            Feed::Tape { files, .. } => Source::Tape(Arc::new(Tape::load(files)?)),
        };
        let fingerprint = World::fingerprint(config, &source);
        let mut world = World::new(config, source);
        let updates = broadcast::Sender::new(BEHIND_MAX);
        let Some(path) = &config.book_file else {
            return Ok(Self { world, journal: None, updates });
        };
        let (journal, stored) = Journal::open(path, &fingerprint)?;
        if let Some(state) = stored.state {
            world.restore(state);
        }
        for command in &stored.commands {
            // A command that was refused then is refused again, and changes nothing again.
            let _same_as_then = world.apply(command);
        }
        // Those who listened to them are gone.
        world.news.clear();
        Ok(Self { world, journal: Some(journal), updates })
    }

    /// Writes a command down and applies it.
    pub(crate) fn run(&mut self, command: &Command) -> Result<Outcome, Reject> {
        if let Some(journal) = &mut self.journal {
            journal.write(command).map_err(|error| unwritable(&error))?;
        }
        let outcome = self.world.apply(command);
        self.publish();
        if let Some(journal) = &mut self.journal
            && journal.is_long()
        {
            journal.rotate(&self.world.state).map_err(|error| unwritable(&error))?;
        }
        outcome
    }

    /// From now on: what happens to orders.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Update> {
        self.updates.subscribe()
    }

    fn publish(&mut self) {
        let news = std::mem::take(&mut self.world.news);
        if self.updates.receiver_count() == 0 {
            return;
        }
        for (account, event) in news {
            let message =
                self.world.state.books.get(account).and_then(|b| update::message(b, &event));
            if let Some(message) = message {
                // The last listener may have just gone.
                let _nobody_listens = self.updates.send((account, message.into()));
            }
        }
    }

    /// One account's book.
    pub(crate) fn book(&self, account: usize) -> Result<&ExchangeBook, Reject> {
        let missing = || Reject::new(RejectKind::NotFound, 404, 40_410_000, "no such account");
        self.world.state.books.get(account).ok_or_else(missing)
    }
}

fn unwritable(error: &std::io::Error) -> Reject {
    let text = format!("the book file cannot be written: {error}");
    Reject::new(RejectKind::Internal, 500, 50_010_000, text)
}

#[cfg(test)]
mod tests {
    use super::Hub;
    use crate::book::NewOrder;
    use crate::book::Side::Buy;
    use crate::config::{AccountConfig, ExchangeConfig, Feed};
    use crate::market::MarketConfig;
    use crate::world::Command;
    use rust_decimal::Decimal;

    fn trade(hub: &mut Hub, from: i64, to: i64) {
        for at_ns in from..to {
            hub.run(&Command::Advance { at_ns }).unwrap();
            let order = NewOrder::market("ACME", Buy, Decimal::ONE)
                .with_bracket(Decimal::from(1_000), Decimal::from(10));
            // Refused once the first bracket is held: refusals are written down too.
            let _taken_or_refused = hub.run(&Command::Submit { account: 0, at_ns, order });
        }
    }

    fn text(hub: &Hub) -> String {
        serde_json::to_string(&hub.world.state).unwrap()
    }

    #[test]
    fn a_state_and_the_lines_after_it_are_the_whole_story() {
        let dir = tempfile::tempdir().unwrap();
        let account = AccountConfig::new("key", "secret", Decimal::from(100_000));
        let config = ExchangeConfig {
            feed: Feed::Market(MarketConfig::default()),
            book_file: Some(dir.path().join("book")),
            ..ExchangeConfig::manual(account)
        };
        let mut hub = Hub::open(&config).unwrap();
        trade(&mut hub, 0, 20);
        let state = hub.world.state.clone();
        hub.journal.as_mut().unwrap().rotate(&state).unwrap();
        trade(&mut hub, 20, 40);
        let before = text(&hub);
        drop(hub);
        let mut hub = Hub::open(&config).unwrap();
        assert_eq!(text(&hub), before);
        trade(&mut hub, 40, 45);
        let legs = hub.book(0).unwrap().live_orders().count();
        assert_eq!(legs, 2, "the bracket's exits were found again");
        let lines = std::fs::read_to_string(dir.path().join("book")).unwrap().lines().count();
        assert_eq!(lines, 1 + 2 * 25, "nothing from before the state is kept");
    }
}
