//! Opening requests that wait for an account, for an instrument's rules or for its first price.
//!
//! Apart because the gate never waits: somebody has to ask the broker first, once, and answer the
//! asker when it takes too long.

use bracketd_core::book::Book;
use bracketd_core::control::permits;
use bracketd_core::ids::{AccountName, Symbol};
use bracketd_core::intent::{Intent, Request};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::EntryKind;

use crate::input::Ticket;

/// How long an opening request waits for the broker's word on its instrument.
const PATIENCE_MS: u64 = 5_000;

/// One waiting request.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) ticket: Option<Ticket>,
    pub(crate) request: Request,
    pub(crate) account: AccountName,
    pub(crate) symbol: Symbol,
    until: Timestamp,
    refused: Option<String>,
}

/// All of them, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    waiting: Vec<Parked>,
}

/// What a request would have to wait for.
pub(crate) fn needs(
    book: &Book,
    request: &Request,
    now: Timestamp,
) -> Option<(AccountName, Symbol)> {
    let (name, symbol, at_market) = match &request.intent {
        Intent::Open(open) => (&open.account, &open.symbol, open.entry == EntryKind::Market),
        Intent::Adopt(adopt) => (&adopt.account, &adopt.symbol, false),
        _ => return None,
    };
    let account = book.accounts.get(name)?;
    if permits(book, account, None, request).is_err() {
        // Nothing that could be read would change the answer.
        return None;
    }
    // A session whose end has passed since it was read says nothing about now: it is read again.
    let stale = account
        .sessions
        .get(symbol)
        .is_some_and(|session| session.turns_at().is_some_and(|at| at <= now));
    // A price of a symbol that nobody held is as old as the last look at it.
    let age_ms_max = account.rules.quote_age_ms_max;
    let is_priced = account.quotes.get(symbol).is_some_and(|q| now.ms_since(q.at) <= age_ms_max);
    let ready = account.is_up
        && account.is_reconciled
        && account.instruments.contains_key(symbol)
        && is_priced
        && !(at_market && stale);
    (!ready).then(|| (name.clone(), symbol.clone()))
}

impl Parking {
    pub(crate) fn park(
        &mut self,
        ticket: Option<Ticket>,
        request: Request,
        needs: (AccountName, Symbol),
        now: Timestamp,
    ) {
        let (account, symbol) = needs;
        let until = now.plus_ms(PATIENCE_MS);
        self.waiting.push(Parked { ticket, request, account, symbol, until, refused: None });
    }

    /// The broker knows no such instrument: those who wait for it need not.
    pub(crate) fn unknown(&mut self, account: &AccountName, symbol: &Symbol, why: &str) {
        for one in &mut self.waiting {
            if one.account == *account && one.symbol == *symbol {
                one.refused = Some(why.to_owned());
            }
        }
    }

    /// Those that need not wait any longer, with the broker's refusal where there was one.
    pub(crate) fn ready(&mut self, book: &Book, now: Timestamp) -> Vec<(Parked, Option<String>)> {
        let (ready, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|one| {
            one.refused.is_some() || one.until <= now || needs(book, &one.request, now).is_none()
        });
        self.waiting = waiting;
        let ready: Vec<Parked> = ready;
        ready
            .into_iter()
            .map(|mut one| {
                let refused = one.refused.take();
                (one, refused)
            })
            .collect()
    }

    pub(crate) fn symbols(&self) -> impl Iterator<Item = (AccountName, Symbol)> + '_ {
        self.waiting.iter().map(|one| (one.account.clone(), one.symbol.clone()))
    }

    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        self.waiting.iter().map(|one| one.until).min()
    }
}
