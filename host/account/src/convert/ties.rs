//! Remembers how the broker tied each order to others.
//!
//! Apart because the core does not know these words: the ABI's legs carry a group and a link, and
//! a plugin that stores nothing needs them handed back. What was forgotten is read again.

use std::collections::{HashMap, VecDeque};

use bracketd_core::ids::BrokerOrderId;

use crate::bindings::bracketd::broker::types as abi;

/// Most orders that are remembered; the oldest go first.
const TIES_MAX: usize = 32_768;

/// How one order is tied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tie {
    /// Orders of one group are canceled together.
    pub group: Option<String>,
    /// The kind of the tie.
    pub link: abi::Link,
}

/// The ties of one account.
#[derive(Debug, Default)]
pub(crate) struct Ties {
    by_id: HashMap<BrokerOrderId, Tie>,
    oldest_first: VecDeque<BrokerOrderId>,
}

impl Ties {
    /// Notes what the broker said last. What it left out stays as it was: a group, and the whole tie
    /// of an order that it showed by itself. Orders are tied when they are made and never untied.
    pub(crate) fn note(&mut self, id: BrokerOrderId, mut tie: Tie) {
        if let Some(known) = self.by_id.get_mut(&id) {
            if tie.group.is_none() && tie.link == abi::Link::Alone {
                return;
            }
            tie.group = tie.group.or_else(|| known.group.take());
            *known = tie;
            return;
        }
        if self.oldest_first.len() >= TIES_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.oldest_first.push_back(id.clone());
        self.by_id.insert(id, tie);
    }

    /// How an order is tied, where it is known.
    pub(crate) fn get(&self, id: &BrokerOrderId) -> Option<&Tie> {
        self.by_id.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_first_and_a_group_is_kept() {
        let mut ties = Ties::default();
        let tie = |group: Option<&str>| Tie { group: group.map(Into::into), link: abi::Link::Oco };
        ties.note("first".into(), tie(None));
        ties.note("second".into(), tie(Some("g")));
        ties.note("second".into(), tie(None));
        for n in 2..=TIES_MAX {
            ties.note(format!("{n}").into(), tie(None));
        }
        assert_eq!(ties.get(&"first".into()), None);
        assert_eq!(ties.get(&"second".into()), Some(&tie(Some("g"))));
        assert_eq!(ties.oldest_first.len(), ties.by_id.len());
    }

    /// A list that shows a leg without its sibling takes no tie away; what it tells anew counts.
    #[test]
    fn an_order_that_is_shown_alone_keeps_its_tie() {
        let mut ties = Ties::default();
        let tie = |group: Option<&str>, link| Tie { group: group.map(Into::into), link };
        for (told, kept) in [
            (tie(None, abi::Link::Alone), tie(None, abi::Link::Alone)),
            (tie(Some("g"), abi::Link::Oco), tie(Some("g"), abi::Link::Oco)),
            (tie(None, abi::Link::Alone), tie(Some("g"), abi::Link::Oco)),
            (tie(None, abi::Link::Bracket), tie(Some("g"), abi::Link::Bracket)),
            (tie(Some("h"), abi::Link::Alone), tie(Some("h"), abi::Link::Alone)),
        ] {
            ties.note("leg".into(), told);
            assert_eq!(ties.get(&"leg".into()), Some(&kept));
        }
    }
}
