//! A test's world in words: what came with an event, and how things stand.
//!
//! Apart because failures, traces and snapshots all show it in the same way. It changes nothing.

use bracketd_core::Decimal;
use bracketd_core::broker::Quote;
use bracketd_core::money::Price;

use super::fixture::START;
use super::world::World;
use crate::event::Event;

impl World {
    /// What comes with an event, in a few characters.
    pub(super) fn with(&self, event: &Event<'_>) -> String {
        let text = |price: Price| price.get().normalize().to_string();
        match event {
            Event::Tick | Event::Waiting => match &self.quote {
                Some(Quote { bid: Some(bid), ask: Some(ask), .. }) if bid == ask => text(*bid),
                Some(Quote { bid: Some(bid), ask: Some(ask), .. }) => {
                    format!("{}/{}", text(*bid), text(*ask))
                }
                _ => "without a price".to_owned(),
            },
            Event::Fill(fill) | Event::ExitFill(fill) => {
                format!("{} at {}", fill.quantity.get().normalize(), text(fill.price))
            }
            Event::Timer(name) => (*name).to_owned(),
            Event::Ack { verb } => (*verb).to_owned(),
            Event::Reject { verb, code, .. } => format!("{verb} {code}"),
            Event::Bar(bar) => text(bar.close),
            Event::Session(phase) => phase.as_str().to_owned(),
            Event::External(change) => format!("{} {}", change.leg.as_str(), change.what),
            // The rest come with nothing.
            _ => String::new(),
        }
    }

    /// How things stand, by name.
    pub(super) fn state(&self) -> Vec<(&'static str, String)> {
        let tx = &self.tx;
        let price = |price: Option<Price>| match price {
            Some(price) => price.get().normalize().to_string(),
            None => "none".to_owned(),
        };
        let quote = |pick: fn(&Quote) -> Option<Price>| price(self.quote.as_ref().and_then(pick));
        let mut all = vec![
            (
                "clock",
                format!("{} s", Decimal::new(self.now.ms_since(START) as i64, 3).normalize()),
            ),
            ("status", tx.status.as_str().to_owned()),
            ("direction", tx.direction.as_str().to_owned()),
            ("held", tx.held().get().normalize().to_string()),
            ("entry", price(tx.entry_price().or(Some(tx.entry.reference)))),
            ("stop", price(tx.desired.stop)),
            ("target", price(tx.desired.target)),
            ("bid", quote(|q| q.bid)),
            ("ask", quote(|q| q.ask)),
            ("peak", price(self.peak)),
            ("trough", price(self.trough)),
        ];
        if let Some(reason) = &tx.close_reason {
            all.push(("closed by", reason.clone()));
        }
        if !self.state.is_empty() {
            all.push(("this", self.state.clone()));
        }
        let set: Vec<String> = self.params.iter().map(|(_, k, v)| format!("{k} = {v}")).collect();
        if !set.is_empty() {
            all.push(("params", set.join(", ")));
        }
        all
    }
}
