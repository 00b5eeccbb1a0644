//! A client that opens, protects, resizes, closes and cancels, and remembers what it was told.
//!
//! Apart because what was acknowledged to somebody is what must never be lost (S6). It knows of
//! the book only what the API would show.

use std::collections::BTreeMap;

use bracketd_core::book::Book;
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};
use bracketd_core::intent::{GuardWish, Intent, Open, Request, Source, Wish};
use bracketd_core::ladder::RungWish;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::{Direction, Leg};
use bracketd_core::transaction::{EntryKind, OnPartial, Transaction};
use bracketd_core::{Decimal, order::TimeInForce};
use bracketd_exchange::Rng;

use crate::fault::{Fault, Faults};
use crate::market::{Market, below, cents};
use crate::scripts::{GOOD, HOSTED, LADDERED, NONSENSE};

/// What people do in a history.
#[derive(Clone, Debug)]
pub(crate) struct People {
    rng: Rng,
    /// Transactions that may live at a time.
    live_max: usize,
    /// Transactions that may be opened in all.
    opens_left: usize,
    next_ticket: u64,
    /// What was asked and not answered, by ticket.
    pub(crate) asked: BTreeMap<u64, Request>,
}

/// The words that tie a request to what the ledger says of it.
pub(crate) fn why(ticket: u64) -> String {
    format!("wish {ticket};")
}

impl People {
    pub(crate) fn new(seed: u64, transactions: usize) -> Self {
        let mut rng = Rng::new(seed ^ 0x5045_4F50_4C45);
        let live_max = (1 + usize::try_from(rng.below(6)).unwrap_or(0)).min(transactions);
        let opens_left = (live_max * 2).min(transactions);
        Self { rng, live_max, opens_left, next_ticket: 1, asked: BTreeMap::new() }
    }

    /// What somebody wants this time, if anything.
    pub(crate) fn wish(
        &mut self,
        accounts: &[AccountName],
        book: Option<&Book>,
        market: &Market,
        faults: &mut Faults,
    ) -> Option<(u64, Request)> {
        let live: Vec<&Transaction> = book.map_or_else(Vec::new, |book| {
            book.transactions.values().map(|tx| &**tx).filter(|tx| !tx.status.is_ended()).collect()
        });
        let turn = usize::try_from(self.rng.below(live.len().max(1) as u64)).unwrap_or(0);
        let picked = live.get(turn).copied();
        let what = self.rng.below(16);
        let intent = match (what, picked) {
            (0..=4, _) if live.len() < self.live_max && self.opens_left > 0 => {
                self.opens_left -= 1;
                self.opening(accounts, market, faults)?
            }
            (_, None) => return None,
            (0..=7, Some(tx)) => self.protect(tx, market)?,
            (8, Some(tx)) => Intent::Close { transaction: tx.id },
            (9 | 10, Some(tx)) => {
                let quantity = Quantity::new(Decimal::from(1 + below(&mut self.rng, 14)))?;
                Intent::Resize { transaction: tx.id, quantity }
            }
            (11, Some(tx)) => Intent::CancelEntry { transaction: tx.id },
            (12, Some(tx)) => {
                let leg = if self.rng.below(2) == 0 { Leg::Stop } else { Leg::Target };
                Intent::Lock { transaction: tx.id, leg, locked: self.rng.below(2) == 0 }
            }
            (13 | 14, Some(tx)) => self.ladder(tx, market)?,
            _ => return None,
        };
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let request = Request {
            intent,
            source: Source::Manual("people".to_owned()),
            why: why(ticket),
            if_version: None,
            inputs: String::new(),
        };
        self.asked.insert(ticket, request.clone());
        Some((ticket, request))
    }

    /// A request of the operator, under a ticket of its own.
    pub(crate) fn operate(&mut self, intent: Intent) -> (u64, Request) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let request = Request {
            intent,
            source: Source::Manual("operator".to_owned()),
            why: why(ticket),
            if_version: None,
            inputs: String::new(),
        };
        self.asked.insert(ticket, request.clone());
        (ticket, request)
    }

    fn protect(&mut self, tx: &Transaction, market: &Market) -> Option<Intent> {
        let bid = market.ticker(tx.symbol.as_str())?.bid;
        let wish = |rng: &mut Rng, away: i64| {
            let distance = 20 + below(rng, 400);
            let up = match tx.direction {
                Direction::Long => away,
                Direction::Short => -away,
            };
            match rng.below(12) {
                0 => Wish::Clear,
                _ => Price::new(cents(bid + up * distance)).map_or(Wish::Keep, Wish::Set),
            }
        };
        let (stop, target) = match self.rng.below(5) {
            0..=2 => (wish(&mut self.rng, -1), Wish::Keep),
            3 => (Wish::Keep, wish(&mut self.rng, 1)),
            _ => (wish(&mut self.rng, -1), wish(&mut self.rng, 1)),
        };
        Some(Intent::Protect { transaction: id_of(tx), stop, target })
    }

    /// One to four rungs from the market on, of which some cannot be meant. Drawn from a copy: what is
    /// drawn after this stays as it was for each seed.
    fn ladder(&self, tx: &Transaction, market: &Market) -> Option<Intent> {
        let rng = &mut self.rng.clone();
        let bid = market.ticker(tx.symbol.as_str())?.bid;
        let up = if tx.direction == Direction::Long { 1 } else { -1 };
        let count = 1 + below(rng, 4);
        let mut distance = 0;
        let mut rungs = Vec::new();
        for _ in 0..count {
            distance += 5 + below(rng, 160);
            let share = match rng.below(3) {
                0 => Decimal::ONE / Decimal::from(count),
                1 => Decimal::new(25, 2),
                _ => Decimal::new(5 + 5 * below(rng, 9), 2),
            };
            rungs.push(RungWish { share, target: Price::new(cents(bid + up * distance))? });
        }
        Some(Intent::Ladder { transaction: id_of(tx), rungs })
    }

    fn opening(
        &mut self,
        accounts: &[AccountName],
        market: &Market,
        faults: &mut Faults,
    ) -> Option<Intent> {
        let rng = &mut self.rng;
        let pick =
            |rng: &mut Rng, count: usize| usize::try_from(rng.below(count as u64)).unwrap_or(0);
        let account = accounts.get(pick(rng, accounts.len()))?.clone();
        let ticker = market.tickers.get(pick(rng, market.tickers.len()))?;
        let direction = if rng.below(3) == 0 { Direction::Short } else { Direction::Long };
        let sign = if direction == Direction::Long { 1 } else { -1 };
        let limit = ticker.bid - sign * (below(rng, 60) - 10);
        let entry = match rng.below(5) {
            0..=2 => EntryKind::Market,
            _ => EntryKind::Limit(Price::new(cents(limit))?),
        };
        let stop = Price::new(cents(limit - sign * (60 + below(rng, 240))));
        let target = Price::new(cents(ticker.bid + sign * (90 + below(rng, 500))));
        let (stop, target) = match rng.below(8) {
            0..=4 => (stop, target),
            5 | 6 => (stop, None),
            _ => (None, if rng.below(2) == 0 { target } else { None }),
        };
        Some(Intent::Open(Box::new(Open {
            account,
            owner: None,
            symbol: Symbol::new(ticker.symbol),
            direction,
            quantity: Quantity::new(Decimal::from(1 + below(rng, 10)))?,
            entry,
            time_in_force: Some(TimeInForce::Gtc).filter(|_| rng.below(2) == 0),
            stop,
            target,
            policies: Some(policies(rng, faults)),
            on_partial: match rng.below(6) {
                0 => Some(OnPartial::Wait),
                1 => Some(OnPartial::Oco),
                2 => Some(OnPartial::CancelRest),
                _ => None,
            },
            guard: if rng.below(2) == 0 { GuardWish::Plain } else { GuardWish::Native },
            distinct: rng.below(4) > 0,
        })))
    }
}

fn id_of(tx: &Transaction) -> TransactionId {
    tx.id
}

fn policies(rng: &mut Rng, faults: &mut Faults) -> Vec<PolicyName> {
    let mut names = Vec::new();
    let pick = |rng: &mut Rng, of: &[&str]| {
        let turn = usize::try_from(rng.below(of.len() as u64)).unwrap_or(0);
        of.get(turn).map(|name| PolicyName::new(name))
    };
    // A copy looks ahead: what is drawn after this stays as it was for each seed.
    if rng.clone().below(3) == 0 {
        names.push(PolicyName::new(HOSTED));
    }
    if rng.clone().below(5) == 1 {
        names.push(PolicyName::new(LADDERED));
    }
    if rng.below(2) == 0 {
        names.extend(pick(rng, &GOOD));
    }
    if faults.strikes(Fault::PolicyNonsense) {
        names.extend(pick(rng, &NONSENSE));
    }
    if faults.strikes(Fault::PolicyError) {
        names.push(PolicyName::new("nasty_error"));
    }
    if faults.strikes(Fault::PolicySlow) {
        names.push(PolicyName::new("nasty_slow"));
    }
    names
}
