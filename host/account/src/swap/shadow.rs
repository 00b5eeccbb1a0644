//! A candidate runs beside the account's plugin: it reads and may not write, and its answers are
//! compared with those of the one that runs.
//!
//! Apart because a shadow has a `Shared` of its own: its memory, its notes and what it tells are
//! thrown away. Only connection pool, secrets and message budget are the account's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bracketd_core::Decimal;
use bracketd_core::broker::{Fault, OrderReport};
use bracketd_core::command::Urgency;
use bracketd_core::ids::{BrokerOrderId, Symbol};
use bracketd_core::instrument::AccountInfo;
use bracketd_core::time::Timestamp;

use crate::actor::reads::{self, PAGES_MAX};
use crate::convert;
use crate::instance::Instance;
use crate::plugin::{Capabilities, Plugin};
use crate::scheduler::Caller;
use crate::shared::Shared;
use crate::slot::{Slot, Turn};

/// The account moves while it is read: so often the views are taken anew.
const ROUNDS: usize = 3;
/// Differences that are told; the first ones say enough.
const TOLD_MAX: usize = 5;

/// A plugin that could take over.
pub(crate) struct Candidate {
    pub plugin: Plugin,
    pub info: AccountInfo,
    pub generation: u64,
    /// Connected, one for each thread.
    pub instances: Vec<Instance>,
    shared: Arc<Shared>,
}

impl Candidate {
    /// One that is described and not connected.
    pub(crate) fn bare(shared: &Shared, plugin: &Plugin, generation: u64) -> Result<Self, String> {
        let shared = shared.shadow(plugin.clone(), generation);
        let told = Slot::new(shared.clone()).describe();
        let told = told.map_err(|e| format!("it does not describe itself: {e}"))?;
        let info = convert::account_info(&told).map_err(|lie| lie.to_string())?;
        shared.running.described(info.clone());
        Ok(Self { plugin: plugin.clone(), info, generation, instances: Vec::new(), shared })
    }
}

/// Connects as many instances as the account will need.
pub(crate) fn prepare(
    shared: &Shared,
    plugin: &Plugin,
    generation: u64,
    wanted: impl Fn(bool) -> usize,
) -> Result<Candidate, String> {
    let mut candidate = Candidate::bare(shared, plugin, generation)?;
    for _ in 0..wanted(candidate.shared.running.is_concurrent()) {
        let mut slot = slot(&candidate.shared);
        slot.ensure().map_err(|why| format!("it does not connect: {}", words(&why.fault)))?;
        candidate.instances.extend(slot.into_instance());
    }
    Ok(candidate)
}

/// What the candidate answers otherwise than the plugin that runs; read in turns, since the account
/// moves meanwhile.
pub(crate) fn compare(shared: &Shared, candidate: &mut Candidate) -> Result<Vec<String>, String> {
    let mut found = lost(shared, candidate);
    let old = shared.shadow(shared.running.plugin(), shared.running.generation());
    let (mut old, mut new) = (slot(&old), slot(&candidate.shared));
    let of_old = |why: Fault| format!("the running plugin cannot be read: {}", words(&why));
    let of_new = |why: Fault| format!("it cannot be read: {}", words(&why));
    let mut before = View::read(&mut old).map_err(of_old)?;
    for round in 1..=ROUNDS {
        let theirs = View::read(&mut new).map_err(of_new)?;
        let after = View::read(&mut old).map_err(of_old)?;
        let (mut differences, is_moving) = theirs.against(&before, &after);
        if differences.is_empty() && !is_moving {
            break;
        }
        if round == ROUNDS {
            let more = differences.len().saturating_sub(TOLD_MAX);
            differences.truncate(TOLD_MAX);
            found.extend(differences);
            found.extend((more > 0).then(|| format!("and {more} more")));
        }
        before = after;
    }
    Ok(found)
}

fn slot(shared: &Arc<Shared>) -> Slot {
    let mut slot = Slot::new(shared.clone());
    slot.begin(Turn::Each(Caller::Other, Urgency::Read), 0);
    slot
}

fn words(fault: &Fault) -> String {
    format!("{}: {}", fault.code, fault.message)
}

/// What a plugin can do that the one that runs cannot.
pub(crate) fn more(shared: &Shared, candidate: &Candidate) -> Vec<String> {
    let before = Capabilities::of(&shared.running.plugin(), &shared.running.info());
    Capabilities::of(&candidate.plugin, &candidate.info).change_from(&before).more
}

/// What a plugin no longer serves or promises: rows in the ledger rely on it, and whoever watches.
fn lost(shared: &Shared, candidate: &Candidate) -> Vec<String> {
    let (old, new) = (&shared.running.info(), &candidate.info);
    let before = Capabilities::of(&shared.running.plugin(), old);
    let now = Capabilities::of(&candidate.plugin, new);
    let mut found = Vec::new();
    // An import that is gone is a power less, and nobody relied on it.
    for (verb, gone) in [
        ("serves", before.exports.difference(&now.exports)),
        ("declares", before.features.difference(&now.features)),
    ] {
        let gone: Vec<&str> = gone.map(String::as_str).collect();
        if !gone.is_empty() {
            found.push(format!("it no longer {verb} {}", gone.join(", ")));
        }
    }
    if new.client_id_max < old.client_id_max {
        let (new, old) = (new.client_id_max, old.client_id_max);
        found.push(format!("client ids may have {new} characters, had {old}"));
    }
    let gone: String =
        old.client_id_chars.chars().filter(|c| !new.client_id_chars.contains(*c)).collect();
    if !gone.is_empty() {
        found.push(format!("client ids may no longer hold {gone}"));
    }
    found
}

/// What a plugin says of the account.
#[derive(Clone, Debug, PartialEq)]
struct View {
    orders: BTreeMap<BrokerOrderId, OrderReport>,
    positions: BTreeMap<Symbol, Decimal>,
    account: Option<String>,
    currency: String,
}

impl View {
    fn read(slot: &mut Slot) -> Result<Self, Fault> {
        slot.ensure().map_err(|why| why.fault)?;
        let orders = reads::orders(slot, None, PAGES_MAX)?.items;
        let positions = reads::positions(slot)?.items;
        let balance = reads::balance(slot)?;
        // When the broker changed it last is told in different precision by honest plugins.
        let timeless = |order| OrderReport { updated_at: Timestamp::default(), ..order };
        Ok(Self {
            orders: orders.into_iter().map(|o| (o.broker_id.clone(), timeless(o))).collect(),
            positions: positions.into_iter().map(|p| (p.symbol, p.quantity)).collect(),
            account: balance.account,
            currency: balance.currency,
        })
    }

    /// What differs from both, and whether something changed between the two.
    fn against(&self, before: &Self, after: &Self) -> (Vec<String>, bool) {
        let mut found = Vec::new();
        let mut is_moving = false;
        let mut judge = |what: &str, [new, before, after]: [String; 3]| {
            if new != before && new != after {
                is_moving |= before != after;
                found.push(format!("{what}: {new} against {after}"));
            }
        };
        for id in keys([&self.orders, &before.orders, &after.orders]) {
            let views = [self, before, after].map(|view| show(view.orders.get(&id)));
            judge(&format!("order {id}"), views);
        }
        for symbol in keys([&self.positions, &before.positions, &after.positions]) {
            let held = |view: &Self| view.positions.get(&symbol).map(Decimal::normalize);
            let views =
                [self, before, after].map(|view| held(view).unwrap_or_default().to_string());
            judge(&format!("position in {symbol}"), views);
        }
        let account = |view: &Self| view.account.clone().unwrap_or_default();
        judge("account", [self, before, after].map(account));
        judge("currency", [self, before, after].map(|view| view.currency.clone()));
        (found, is_moving)
    }
}

fn keys<K: Ord + Clone, V>(maps: [&BTreeMap<K, V>; 3]) -> BTreeSet<K> {
    maps.into_iter().flat_map(|map| map.keys().cloned()).collect()
}

/// Everything that the core goes by.
fn show(order: Option<&OrderReport>) -> String {
    let Some(o) = order else { return "not there".to_owned() };
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    format!(
        "{:?} {:?} {} {} of {} {} limit {} trigger {} client id {} group {} parent {} replaces {} \
         role {:?}",
        o.side,
        o.kind,
        o.status.as_str(),
        o.filled,
        o.quantity,
        o.symbol,
        text(o.limit.map(|p| p.to_string())),
        text(o.trigger.map(|p| p.to_string())),
        text(o.client_id.as_ref().map(ToString::to_string)),
        text(o.group.clone()),
        text(o.parent.as_ref().map(ToString::to_string)),
        text(o.replaces.as_ref().map(ToString::to_string)),
        o.role,
    )
}
