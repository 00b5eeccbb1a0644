//! What arrives while the ledger cannot be written, kept for the step that writes it again.
//!
//! Apart because it is a queue like every other: bounded, with its rule. Of what a later word
//! makes worthless only the newest is kept; answers, fills and what was noticed once stay. Beyond
//! the bound nothing more is to be taken from accounts, which then wait for the engine (S17).

use std::collections::{BTreeMap, BTreeSet};

use bracketd_core::broker::{BrokerEvent, Fill, FromAccount, OrderReport, Picture, Quote};
use bracketd_core::control::KillLevel;
use bracketd_core::ids::{AccountName, BrokerOrderId, Symbol};
use bracketd_policy::BuildReport;

use crate::input::Input;

/// Orders, fills and other words that are kept before accounts have to wait.
const ROOM: usize = 10_000;

/// Of which only the newest word counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Up(AccountName),
    Down(AccountName),
    Order(AccountName, BrokerOrderId),
    NotThere(AccountName, Vec<BrokerOrderId>),
    Picture(AccountName),
    Quote(AccountName, Symbol),
    Bars(AccountName, Symbol, u32),
    Instrument(AccountName, Symbol),
    NoInstrument(AccountName, Symbol),
    Session(AccountName, Symbol),
    Balance(AccountName),
    Policies,
    KillFile(Option<KillLevel>),
    Compare(AccountName),
    Remembers(AccountName),
}

/// Everything that waits for the ledger.
#[derive(Debug, Default)]
pub(crate) struct HeldBack {
    /// Rows that come before everything that arrived.
    first: Vec<Input>,
    /// In the order of their arrival.
    rows: BTreeMap<u64, Input>,
    newest: BTreeMap<About, u64>,
    fills: BTreeSet<(AccountName, String)>,
    next: u64,
}

impl HeldBack {
    /// Keeps what arrived.
    pub(crate) fn keep(&mut self, input: Input) {
        match input {
            Input::Account(from) => self.keep_word(from),
            Input::Compare(account) => {
                self.put(About::Compare(account.clone()), Input::Compare(account));
            }
            Input::Remembers(account, entries) => {
                self.put(About::Remembers(account.clone()), Input::Remembers(account, entries));
            }
            Input::KillFile(file) => {
                let level = file.as_ref().map(|file| file.level);
                self.put(About::KillFile(level), Input::KillFile(file));
            }
            Input::Policies(report) => {
                let report = match self.drop_known(&About::Policies) {
                    Some(Input::Policies(older)) => Box::new(merged(*older, *report)),
                    _ => report,
                };
                self.put(About::Policies, Input::Policies(report));
            }
            Input::Request { .. } | Input::NotTaken { .. } | Input::Thaw { .. } => self.push(input),
        }
    }

    /// Commands that were to be sent before all this arrived.
    pub(crate) fn keep_first(&mut self, rows: impl Iterator<Item = Input>) {
        self.first.extend(rows);
    }

    /// Everything, in its order.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Input> + use<> {
        let all = std::mem::take(self);
        all.first.into_iter().chain(all.rows.into_values())
    }

    /// How much is kept: each order and each fill counts.
    pub(crate) fn len(&self) -> usize {
        let size = |input: &Input| match input {
            Input::Account(FromAccount {
                event: BrokerEvent::Polled { orders, fills }, ..
            }) => orders.len() + fills.len(),
            _ => 1,
        };
        self.first.len() + self.rows.values().map(size).sum::<usize>()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.len() < ROOM
    }

    fn keep_word(&mut self, from: FromAccount) {
        let FromAccount { account, event } = from;
        let about = match event {
            BrokerEvent::Polled { orders, fills } => return self.keep_poll(account, orders, fills),
            BrokerEvent::Quotes(quotes) => {
                quotes.into_iter().for_each(|quote| self.keep_quote(&account, quote));
                return;
            }
            BrokerEvent::Picture(picture) => return self.keep_picture(account, picture),
            BrokerEvent::Answer { .. }
            | BrokerEvent::LookedUp { .. }
            | BrokerEvent::Swapped { .. }
            | BrokerEvent::SwapRefused { .. } => {
                return self.push(Input::Account(FromAccount { account, event }));
            }
            BrokerEvent::Up(_) => About::Up(account.clone()),
            BrokerEvent::Down(_) => About::Down(account.clone()),
            BrokerEvent::NotThere { ref orders, .. } => {
                About::NotThere(account.clone(), orders.clone())
            }
            BrokerEvent::Bars { ref symbol, seconds, .. } => {
                About::Bars(account.clone(), symbol.clone(), seconds)
            }
            BrokerEvent::Instrument(ref instrument) => {
                About::Instrument(account.clone(), instrument.symbol.clone())
            }
            BrokerEvent::NoInstrument { ref symbol, .. } => {
                About::NoInstrument(account.clone(), symbol.clone())
            }
            BrokerEvent::Session { ref symbol, .. } => {
                About::Session(account.clone(), symbol.clone())
            }
            BrokerEvent::Balance(_) => About::Balance(account.clone()),
        };
        self.put(about, Input::Account(FromAccount { account, event }));
    }

    fn keep_quote(&mut self, account: &AccountName, quote: Quote) {
        let about = About::Quote(account.clone(), quote.symbol.clone());
        let is_older = self.kept(&about).is_some_and(|known| match known {
            BrokerEvent::Quotes(known) => known.iter().any(|known| known.at > quote.at),
            _ => false,
        });
        if !is_older {
            let event = BrokerEvent::Quotes(vec![quote]);
            self.put(about, Input::Account(FromAccount { account: account.clone(), event }));
        }
    }

    /// A newer picture stands for an older one, unless only the older one was complete. What ended
    /// is kept of both: a history may be cut, or begin later.
    fn keep_picture(&mut self, account: AccountName, picture: Picture) {
        let about = About::Picture(account.clone());
        let known = match self.drop_known(&about) {
            Some(Input::Account(FromAccount { event: BrokerEvent::Picture(known), .. })) => {
                Some(known)
            }
            _ => None,
        };
        let says_less = known.as_ref().is_some_and(|known| {
            (known.complete && !picture.complete) || known.as_of > picture.as_of
        });
        let (kept, other) = match known {
            Some(known) if says_less => (known, Some(picture)),
            known => (picture, known),
        };
        if let Some(Picture { mut orders, fills, .. }) = other {
            orders.retain(|order| order.status.is_terminal());
            self.keep_poll(account.clone(), orders, fills);
        }
        let event = BrokerEvent::Picture(kept);
        self.put(about, Input::Account(FromAccount { account, event }));
    }

    /// A newer report of an order stands for the older one; a fill is kept once.
    fn keep_poll(&mut self, account: AccountName, orders: Vec<OrderReport>, fills: Vec<Fill>) {
        let fills: Vec<Fill> = fills
            .into_iter()
            .filter(|fill| self.fills.insert((account.clone(), fill.fill_id.clone())))
            .collect();
        let orders: Vec<OrderReport> =
            orders.into_iter().filter(|order| self.is_news(&account, order)).collect();
        if !orders.is_empty() || !fills.is_empty() {
            let event = BrokerEvent::Polled { orders, fills };
            self.push(Input::Account(FromAccount { account, event }));
        }
    }

    /// Whether the report, which goes into the next row, says more than the one that is kept of its
    /// order; that one goes where the new one says all of it.
    fn is_news(&mut self, account: &AccountName, report: &OrderReport) -> bool {
        let about = About::Order(account.clone(), report.broker_id.clone());
        let row = self.newest.get(&about).copied();
        if let Some(row) = row
            && let Some(Input::Account(known)) = self.rows.get_mut(&row)
            && let BrokerEvent::Polled { orders, fills } = &mut known.event
        {
            let is_same = |old: &OrderReport| old.broker_id == report.broker_id;
            let says_more =
                |old: &OrderReport| says_all_of(old, report) && !says_all_of(report, old);
            if orders.iter().any(|old| is_same(old) && says_more(old)) {
                return false;
            }
            orders.retain(|old| !is_same(old) || !says_all_of(report, old));
            if orders.is_empty() && fills.is_empty() {
                self.rows.remove(&row);
            }
        }
        self.newest.insert(about, self.next);
        true
    }

    fn kept(&self, about: &About) -> Option<&BrokerEvent> {
        match self.rows.get(self.newest.get(about)?)? {
            Input::Account(from) => Some(&from.event),
            _ => None,
        }
    }

    fn drop_known(&mut self, about: &About) -> Option<Input> {
        self.newest.remove(about).and_then(|row| self.rows.remove(&row))
    }

    fn put(&mut self, about: About, input: Input) {
        self.drop_known(&about);
        self.newest.insert(about, self.next);
        self.push(input);
    }

    fn push(&mut self, input: Input) {
        self.rows.insert(self.next, input);
        self.next += 1;
    }
}

/// Whether nothing is lost with the older report. One that overtook it, or that left something
/// out, does not stand for it.
fn says_all_of(newer: &OrderReport, old: &OrderReport) -> bool {
    newer.updated_at >= old.updated_at
        && newer.filled >= old.filled
        && (newer.status.is_terminal() || !old.status.is_terminal())
        && (newer.client_id.is_some() || old.client_id.is_none())
        && (newer.group.is_some() || old.group.is_none())
        && (newer.parent.is_some() || old.parent.is_none())
        && (newer.replaces.is_some() || old.replaces.is_none())
        && (newer.replaced_by.is_some() || old.replaced_by.is_none())
        && (newer.avg_price.is_some() || old.avg_price.is_none())
}

/// Two builds as one: what runs is the later; what changed or was refused in either is told.
fn merged(older: BuildReport, mut newer: BuildReport) -> BuildReport {
    for change in older.changed {
        match newer.changed.iter_mut().find(|later| later.name == change.name) {
            Some(later) => later.before = change.before,
            None => newer.changed.push(change),
        }
    }
    for refused in older.refused {
        let is_news = newer.refused.iter().all(|later| later.name != refused.name)
            && newer.changed.iter().all(|later| later.name != refused.name);
        if is_news {
            newer.refused.push(refused);
        }
    }
    let mut params = older.params_changed;
    params.append(&mut newer.params_changed);
    newer.params_changed = params;
    newer
}
