//! A ladder of partial targets: the held quantity in parts, each with a target of its own and all
//! with the one stop.
//!
//! Apart because how a quantity is cut and dealt out must have one answer for the gate, the planner
//! and people. It only says which part of what is held belongs to which target; it sends nothing,
//! and it never changes how much is held.

use rust_decimal::Decimal;

use crate::ids::SliceNo;
use crate::instrument::Instrument;
use crate::limits::{GATHER_MS, SLICES_MAX};
use crate::money::{Price, Quantity, SCALE_MAX, Snap, snap};
use crate::time::Timestamp;
use crate::transaction::{EntryGuard, Slice, Task, Transaction};

/// Decimals of a share that count: thirds written as decimals add up to the whole.
const SHARE_SCALE: u32 = 6;

/// A rung as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RungWish {
    /// Its share of the whole quantity, above 0 and at most 1.
    pub share: Decimal,
    /// Where it is sold.
    pub target: Price,
}

/// A rung of a ladder: a part of the quantity with a target of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Its share of the quantity when the ladder was set.
    pub share: Decimal,
    /// Where it is sold.
    pub target: Price,
    /// What it was cut to when the ladder was set.
    pub quantity: Quantity,
    /// What of that has not left yet, by whatever exit; zero is a rung that is done. It may be more
    /// than is held, while the entry fills.
    pub left: Quantity,
    /// The slice that holds it, once something of it is held.
    pub slice: Option<SliceNo>,
}

impl Rung {
    /// Whether nothing of it is left.
    pub fn is_done(&self) -> bool {
        self.left.is_zero()
    }
}

/// The quantities that the shares come to, in the same order, cut down to the step. The running sum
/// is cut, not each share: shares that add up to 1 leave nothing over.
pub fn cut(whole: Quantity, shares: &[Decimal], step: Decimal) -> Vec<Quantity> {
    let mut sum = Decimal::ZERO;
    let mut before = Decimal::ZERO;
    let mut cuts = Vec::with_capacity(shares.len());
    for share in shares {
        sum = sum.saturating_add(*share);
        let upto = whole.get().saturating_mul(sum.round_dp(SHARE_SCALE));
        let upto = snap(upto.min(whole.get()), step, Snap::Down);
        cuts.push(Quantity::new(upto - before).unwrap_or(Quantity::ZERO));
        before = upto;
    }
    cuts
}

/// What the shares of a ladder are of: what is held, and what its entry may still bring.
pub fn whole(tx: &Transaction) -> Quantity {
    let coming = match tx.entry.ended {
        true => Quantity::ZERO,
        false => tx.entry.quantity.minus(tx.entered),
    };
    tx.held().plus(coming)
}

/// The rungs that a wish comes to now, nearest first.
pub fn planned(tx: &Transaction, wish: &[RungWish], step: Decimal) -> Vec<Rung> {
    let mut wish = wish.to_vec();
    wish.sort_by_key(|rung| rung.target);
    if tx.direction == crate::order::Direction::Short {
        wish.reverse();
    }
    let shares: Vec<Decimal> = wish.iter().map(|rung| rung.share).collect();
    let cuts = cut(whole(tx), &shares, step);
    let rung = |(wish, quantity): (&RungWish, Quantity)| Rung {
        share: wish.share.round_dp(SCALE_MAX),
        target: wish.target,
        quantity,
        left: quantity,
        slice: None,
    };
    wish.iter().zip(cuts).map(rung).collect()
}

/// The smallest step of a quantity; zero where the instrument is not known.
pub fn step_of(instrument: Option<&Instrument>) -> Decimal {
    instrument.map_or(Decimal::ZERO, |instrument| instrument.qty_step)
}

/// Whether the shares are the whole, as far as they count.
pub fn is_whole(wish: &[RungWish]) -> bool {
    let sum = wish.iter().fold(Decimal::ZERO, |sum, rung| sum.saturating_add(rung.share));
    sum.round_dp(SHARE_SCALE) == Decimal::ONE
}

impl Transaction {
    /// The rung that a slice holds.
    pub fn rung_of(&self, slice: SliceNo) -> Option<&Rung> {
        self.ladder.iter().find(|rung| rung.slice == Some(slice) && !rung.is_done())
    }

    /// The target wanted for a slice: its rung's, or the ordinary one.
    pub fn target_of(&self, slice: SliceNo) -> Option<Price> {
        self.rung_of(slice).map_or(self.desired.target, |rung| Some(rung.target))
    }

    /// Whether some target is wanted.
    pub fn wants_target(&self) -> bool {
        self.desired.target.is_some() || self.ladder.iter().any(|rung| !rung.is_done())
    }

    /// The targets wanted now: of the rungs that are not done, and the ordinary one.
    pub fn wanted_targets(&self) -> Vec<Price> {
        let rungs = self.ladder.iter().filter(|rung| !rung.is_done()).map(|rung| rung.target);
        rungs.chain(self.desired.target).collect()
    }

    /// Whether every part of what is held, or comes to be held, is to have a stop and a target.
    pub fn wants_pairs(&self) -> bool {
        let on_rungs: Quantity = self.ladder.iter().map(|rung| rung.left).sum();
        let targets =
            self.desired.target.is_some() || (!on_rungs.is_zero() && on_rungs >= whole(self));
        self.desired.stop.is_some() && targets
    }

    /// Slices in the order in which they give up what is sold without an exit of theirs: what no
    /// rung holds first, the youngest of it before; then the farthest rung.
    pub(crate) fn parting_order(&self) -> Vec<SliceNo> {
        let rungs: Vec<SliceNo> = self.ladder.iter().rev().filter_map(|rung| rung.slice).collect();
        let others = self.slices.iter().rev().map(|slice| slice.no);
        others.filter(|no| !rungs.contains(no)).chain(rungs.iter().copied()).collect()
    }
}

/// Takes from a slice's rung what left of the slice.
pub(crate) fn left_slice(tx: &mut Transaction, slice: SliceNo, quantity: Quantity) {
    if let Some(rung) = tx.ladder.iter_mut().find(|rung| rung.slice == Some(slice)) {
        rung.left = rung.left.minus(quantity);
    }
}

/// Deals what is held out to the rungs, the nearest first; the rest stays where it is. Asked twice it
/// changes nothing, and what need not move does not: a slice that changes loses its stop for a moment.
///
/// Exits that an entry carries are of all of it, and what is being sold is freed slice by slice: both
/// are waited for.
pub(crate) fn deal(tx: &mut Transaction, now: Timestamp) {
    let carried = tx.entry.guard != EntryGuard::Plain && !tx.entry.ended;
    let sells = matches!(tx.task, Some(Task::Close { .. } | Task::Reduce { .. }));
    if tx.ladder.is_empty() || tx.held().is_zero() || carried || sells {
        return;
    }
    for rung in tx.ladder.iter_mut().filter(|rung| rung.is_done()) {
        rung.slice = None;
    }
    let entry_rests = tx.resting_entry().is_some();
    let before: Vec<Quantity> = tx.slices.iter().map(|slice| slice.held).collect();
    let (parts, rest) = parts(tx);
    let dealt = Dealt::of(tx, &parts, rest);
    for slice in &mut tx.slices {
        slice.held = Quantity::ZERO;
    }
    for (no, held) in dealt.held {
        match tx.slices.iter_mut().find(|slice| slice.no == no) {
            Some(slice) => slice.held = held,
            None => tx.slices.push(Slice::new(no, held, now)),
        }
    }
    for (at, no) in dealt.rungs {
        if let Some(rung) = tx.ladder.get_mut(at) {
            rung.slice = Some(no);
        }
    }
    // Fills close to each other grow a rung once.
    for (slice, before) in tx.slices.iter_mut().zip(before).filter(|_| entry_rests) {
        if !before.is_zero() && slice.held > before && slice.gather_until < now {
            slice.gather_until = now.plus_ms(GATHER_MS);
        }
    }
}

/// What each rung that holds or is to hold something holds, and what is left over. Where no slice can
/// be left for that, the farthest rung grows by it.
fn parts(tx: &mut Transaction) -> (Vec<(usize, Quantity)>, Quantity) {
    let mut rest = tx.held();
    let mut parts: Vec<(usize, Quantity)> = Vec::new();
    for (at, rung) in tx.ladder.iter().enumerate() {
        let held = rung.left.min(rest);
        rest = rest.minus(held);
        if !held.is_zero() || rung.slice.is_some() {
            parts.push((at, held));
        }
    }
    if parts.len() < SLICES_MAX || rest.is_zero() {
        return (parts, rest);
    }
    if let Some((at, held)) = parts.last_mut() {
        *held = held.plus(rest);
        if let Some(rung) = tx.ladder.get_mut(*at) {
            (rung.quantity, rung.left) = (rung.quantity.plus(rest), rung.left.plus(rest));
        }
    }
    (parts, Quantity::ZERO)
}

/// What each slice holds from now on, and the slice of each rung.
#[derive(Default)]
struct Dealt {
    held: Vec<(SliceNo, Quantity)>,
    rungs: Vec<(usize, SliceNo)>,
}

impl Dealt {
    fn of(tx: &Transaction, parts: &[(usize, Quantity)], rest: Quantity) -> Self {
        let mut dealt = Self::default();
        let own = |at: usize| tx.ladder.get(at).and_then(|rung| rung.slice);
        let mut homeless = Vec::new();
        for (at, held) in parts {
            match own(*at) {
                Some(no) => dealt.rung(*at, no, *held),
                None => homeless.push((*at, *held)),
            }
        }
        let is_free = |slice: &&Slice| dealt.held.iter().all(|(no, _)| *no != slice.no);
        let mut free: Vec<&Slice> = tx.slices.iter().filter(is_free).collect();
        // One of just that size keeps its stop.
        homeless.retain(|(at, held)| {
            let same = free.iter().position(|slice| slice.held == *held);
            let found = same.map(|place| free.remove(place).no);
            found.iter().for_each(|no| dealt.rung(*at, *no, *held));
            found.is_none()
        });
        if homeless.is_empty() {
            dealt.keep(tx, &free, rest);
        } else {
            dealt.spread(tx, free, homeless, rest);
        }
        dealt
    }

    fn rung(&mut self, at: usize, no: SliceNo, held: Quantity) {
        self.rungs.push((at, no));
        self.held.push((no, held));
    }

    /// What the rungs leave over stays in the slices that it is in; the youngest gives, the oldest takes.
    fn keep(&mut self, tx: &Transaction, free: &[&Slice], rest: Quantity) {
        let mut left = rest;
        let mut kept: Vec<(SliceNo, Quantity)> = Vec::new();
        for slice in free {
            let held = slice.held.min(left);
            left = left.minus(held);
            kept.push((slice.no, held));
        }
        let place = kept.iter().position(|(_, held)| !held.is_zero());
        if let Some((_, held)) = place.or(Some(0)).and_then(|at| kept.get_mut(at)) {
            *held = held.plus(left);
        } else if !left.is_zero() {
            kept.push((self.unused(tx, 0), left));
        }
        self.held.extend(kept);
    }

    /// Rungs that have no slice yet, and what they leave over as one part: the largest part takes the
    /// slice that holds most, so that the fewest exits change.
    fn spread(
        &mut self,
        tx: &Transaction,
        mut free: Vec<&Slice>,
        homeless: Vec<(usize, Quantity)>,
        rest: Quantity,
    ) {
        let rungs = homeless.into_iter().map(|(at, held)| (Some(at), held));
        let over = Some((None, rest)).filter(|_| !rest.is_zero());
        let mut parts: Vec<(Option<usize>, Quantity)> = rungs.chain(over).collect();
        // The sort is stable: of equal ones the nearer rung, and the older slice.
        parts.sort_by_key(|(_, held)| std::cmp::Reverse(*held));
        free.sort_by_key(|slice| std::cmp::Reverse(slice.held));
        let mut free = free.into_iter();
        let mut more = 0;
        for (rung, held) in parts {
            let no = free.next().map(|slice| slice.no).unwrap_or_else(|| {
                more += 1;
                self.unused(tx, more - 1)
            });
            match rung {
                Some(at) => self.rung(at, no, held),
                None => self.held.push((no, held)),
            }
        }
    }

    /// The number of a slice that there is not yet.
    fn unused(&self, tx: &Transaction, after: usize) -> SliceNo {
        SliceNo(u8::try_from(tx.slices.len() + after).unwrap_or(u8::MAX))
    }
}
