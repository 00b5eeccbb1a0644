//! Swaps of plugins as the engine thread sees them: it passes a loaded plugin on, and gives the
//! word when everything of the account is protected.
//!
//! Apart because only this thread knows what is protected, and it must not wait for a swap.

use bracketd_core::broker::{BrokerEvent, FromAccount};
use bracketd_core::ids::AccountName;
use bracketd_core::protection::Protection;
use bracketd_core::transaction::Transaction;
use bracketd_engine::Input;

use super::engine_thread::EngineThread;
use crate::message::{PluginWish, Staged, SwapReply};

impl EngineThread {
    /// Somebody wants another plugin: it is read and compiled elsewhere.
    pub(super) fn plugin_wanted(
        &mut self,
        account: AccountName,
        wish: PluginWish,
        reply: SwapReply,
    ) {
        match self.accounts.contains_key(&account) {
            true => self.plugins.ask(account, wish, reply),
            false => drop(reply.try_send(Err(format!("there is no account {account}")))),
        }
    }

    /// A plugin was read; the account connects and compares it.
    pub(super) fn plugin_staged(&mut self, staged: Staged, inputs: &mut Vec<Input>) {
        let Staged { account, loaded, terms, reply } = staged;
        // A file that was away and came back as it was: nobody asked for a swap.
        let is_same = loaded.as_ref().is_ok_and(|plugin| {
            let handle = self.accounts.get(&account);
            handle.is_some_and(|handle| handle.plugins().running.digest == plugin.digest())
        });
        if reply.is_none() && is_same {
            return;
        }
        let begun = loaded.and_then(|plugin| match self.accounts.get(&account) {
            Some(handle) => handle.swap(plugin, terms).map_err(|why| why.to_string()),
            None => Err(format!("there is no account {account}")),
        });
        if let Err(why) = &begun {
            let text = format!("a plugin was not taken: {why}");
            let event = BrokerEvent::SwapRefused { text };
            inputs.push(Input::Account(FromAccount { account, event }));
        }
        if let Some(reply) = reply {
            drop(reply.try_send(begun));
        }
    }

    /// Somebody wants the plugin before back.
    pub(super) fn plugin_back(&self, account: &AccountName, reply: &SwapReply) {
        let begun = match self.accounts.get(account) {
            Some(handle) => handle.roll_back().map_err(|why| why.to_string()),
            None => Err(format!("there is no account {account}")),
        };
        drop(reply.try_send(begun));
    }

    /// Gives the word where a candidate waits for it and nothing of the account lacks its stop.
    pub(super) fn look_after_swaps(&self) {
        for (name, handle) in &self.accounts {
            if !handle.swap_waits() {
                continue;
            }
            let all = self.engine().book().transactions.values();
            match all.filter(|tx| tx.account == *name).find(|tx| lacks_its_stop(tx)) {
                None => handle.let_swap(),
                Some(tx) => handle.swap_blocked(&format!(
                    "transaction {} of {} is without its stop",
                    tx.id, tx.symbol
                )),
            }
        }
    }
}

fn lacks_its_stop(tx: &Transaction) -> bool {
    matches!(tx.protection, Protection::Pending { .. } | Protection::Unprotected { .. })
}
