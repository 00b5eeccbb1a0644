//! What goes wrong by itself: at the broker, at the market, to the daemon.
//!
//! Apart because nobody's command causes any of it.

use bracketd_core::Decimal;
use bracketd_core::control::KillLevel;
use bracketd_core::ids::AccountName;
use bracketd_core::intent::Intent;
use bracketd_engine::Input;
use bracketd_exchange::book::{NewOrder, Side};

use super::{What, World};
use crate::fault::Fault;
use crate::market::cents;

impl World<'_> {
    /// Draws what goes wrong at this tick.
    pub(super) fn incidents(&mut self) {
        for no in 0..self.accounts.len() {
            if self.faults.strikes(Fault::Maintenance) && self.accounts[no].is_up {
                self.saw_all(Fault::Maintenance);
                let long = self.faults.below(Fault::Maintenance, 4) == 0;
                let ms_max = if long { 60_000 } else { 12_000 };
                let ms = 1_000 + self.faults.below(Fault::Maintenance, ms_max);
                self.away(no, ms);
            }
            if self.faults.strikes(Fault::ExternalCancel) {
                self.external_cancel(no);
            }
            if self.faults.strikes(Fault::ManualClose) {
                self.manual_close(no);
            }
            if self.faults.strikes(Fault::Foreign) {
                self.foreign_order(no);
            }
            if self.faults.strikes(Fault::Disarm) {
                self.disarm(no);
            }
        }
        if self.faults.strikes(Fault::Kill) {
            self.kill();
        }
        if self.daemon.engine.is_some() && !self.daemon.is_paused {
            if self.faults.strikes(Fault::Pause) {
                self.pause();
            }
            if self.faults.strikes(Fault::ClockJump) {
                self.set_clock();
            }
            if self.faults.strikes(Fault::Reload) {
                self.reload();
            }
        }
    }

    fn external_cancel(&mut self, no: usize) {
        self.sync(no);
        let account = &self.accounts[no];
        let ours = account.broker.live().filter(|order| !account.foreign.contains(&order.id));
        let ids: Vec<_> = ours.map(|order| order.id).collect();
        let turn = self.faults.below(Fault::ExternalCancel, ids.len().max(1) as u64);
        let Some(id) = ids.get(usize::try_from(turn).unwrap_or(0)).copied() else { return };
        self.saw_all(Fault::ExternalCancel);
        self.trace.note(self.now, "outside", || format!("account{no} order {id} is canceled"));
        self.accounts[no].broker.end(id);
        self.broker_changed(no);
    }

    /// A person at the broker's own screen cancels what rests in a symbol and sells all or a part.
    fn manual_close(&mut self, no: usize) {
        self.sync(no);
        let held: Vec<(String, Decimal)> = self.accounts[no]
            .broker
            .book
            .positions()
            .map(|position| (position.symbol.clone(), position.qty))
            .collect();
        let turn = self.faults.below(Fault::ManualClose, held.len().max(1) as u64);
        let Some((symbol, quantity)) = held.get(usize::try_from(turn).unwrap_or(0)) else { return };
        self.saw_all(Fault::ManualClose);
        let all = self.faults.below(Fault::ManualClose, 3) > 0;
        let units = if all { quantity.abs() } else { Decimal::ONE };
        self.trace.note(self.now, "outside", || {
            format!("account{no}: {units} of {quantity} {symbol} are closed by hand")
        });
        let account = &mut self.accounts[no];
        account.touched.push(symbol.clone());
        account.strangers_left = true;
        let rests: Vec<_> =
            account.broker.live().filter(|o| o.symbol == *symbol).map(|order| order.id).collect();
        for id in rests {
            account.broker.end(id);
        }
        let side = if *quantity > Decimal::ZERO { Side::Sell } else { Side::Buy };
        let order = NewOrder::market(symbol, side, units);
        let id = account.broker.foreign(&order);
        account.foreign.extend(id);
        self.broker_changed(no);
    }

    /// Somebody else's limit order, far from the market.
    fn foreign_order(&mut self, no: usize) {
        self.sync(no);
        let tickers = &self.market.tickers;
        let turn = self.faults.below(Fault::Foreign, tickers.len() as u64);
        let Some(ticker) = tickers.get(usize::try_from(turn).unwrap_or(0)) else { return };
        let symbol = ticker.symbol;
        let order =
            NewOrder::limit(symbol, Side::Buy, Decimal::ONE, cents((ticker.bid / 4).max(100)));
        let account = &mut self.accounts[no];
        let Some(id) = account.broker.foreign(&order) else { return };
        account.foreign.push(id);
        self.saw_all(Fault::Foreign);
        self.trace.note(self.now, "outside", || format!("account{no}: a stranger's {id} rests"));
        self.broker_changed(no);
    }

    /// The account is disarmed for a while.
    fn disarm(&mut self, no: usize) {
        if self.daemon.engine.is_none() {
            return;
        }
        self.saw_all(Fault::Disarm);
        let account = self.accounts[no].name.clone();
        self.operate(Intent::Arm { account, armed: false });
        let ms = 2_000 + self.faults.below(Fault::Disarm, 15_000);
        self.after(ms, What::Arm(no));
    }

    pub(super) fn arm(&mut self, no: usize) {
        let account = self.accounts[no].name.clone();
        // Before the account was compared nobody can arm it: whoever wants it tries again.
        let book = self.daemon.engine.as_ref().map(bracketd_engine::Engine::book);
        let is_compared =
            book.and_then(|book| book.accounts.get(&account)).is_some_and(|a| a.is_reconciled);
        self.operate(Intent::Arm { account, armed: true });
        if !is_compared {
            self.after(3_000, What::Arm(no));
        }
    }

    /// The kill switch is thrown for a while, at one account or at all.
    fn kill(&mut self) {
        if self.daemon.engine.is_none() {
            return;
        }
        self.saw_all(Fault::Kill);
        let levels = &KillLevel::ALL[1..];
        let turn = self.faults.below(Fault::Kill, levels.len() as u64);
        let Some(level) = levels.get(usize::try_from(turn).unwrap_or(0)).copied() else { return };
        let turn = self.faults.below(Fault::Kill, 2 * self.accounts.len() as u64);
        let account = self.accounts.get(usize::try_from(turn).unwrap_or(0));
        let account = account.map(|account| account.name.clone());
        self.operate(Intent::Kill { account: account.clone(), level, reset_baseline: false });
        let ms = 2_000 + self.faults.below(Fault::Kill, 20_000);
        self.after(ms, What::Unkill(account));
    }

    pub(super) fn unkill(&mut self, account: Option<AccountName>) {
        self.operate(Intent::Kill { account, level: KillLevel::Off, reset_baseline: false });
    }

    fn operate(&mut self, intent: Intent) {
        if self.daemon.engine.is_none() {
            return;
        }
        let (ticket, request) = self.people.operate(intent);
        self.trace.note(self.now, "operate", || format!("{ticket}: {:?}", request.intent));
        let ticket = bracketd_engine::Ticket(ticket);
        self.daemon.inbox.push(Input::Request { ticket, request: Box::new(request) });
    }
}
