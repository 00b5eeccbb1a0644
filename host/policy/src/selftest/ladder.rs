//! Ladders in the world of policy tests: what a price sells of them.
//!
//! Apart because the world holds one slice and no orders: here a part is a rung and what it may still
//! sell.

use bracketd_core::check::is_tighter;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Leg;
use bracketd_core::transaction::Transaction;

use super::world::World;
use crate::event::{Event, FillInfo};

/// Each part of what is held with its target, the nearest rung first and what they leave over last.
fn parts(tx: &Transaction) -> Vec<(Option<usize>, Quantity, Option<Price>)> {
    let mut rest = tx.held();
    let mut parts = Vec::new();
    for (at, rung) in tx.ladder.iter().enumerate() {
        let held = rung.left.min(rest);
        rest = rest.minus(held);
        parts.push((Some(at), held, Some(rung.target)));
    }
    parts.push((None, rest, tx.desired.target));
    parts
}

/// What is sold without an exit is taken from what the rungs leave over first, then from the farthest.
pub(super) fn reduced(tx: &mut Transaction, to: Quantity) {
    let mut gone = tx.held().minus(to);
    for (rung, held, _) in parts(tx).into_iter().rev() {
        let taken = held.min(gone);
        gone = gone.minus(taken);
        if let Some(rung) = rung.and_then(|at| tx.ladder.get_mut(at)) {
            rung.left = rung.left.minus(taken);
        }
    }
}

impl World {
    /// The parts whose target the price has reached are sold.
    pub(super) fn climbed(&mut self, exit: Price) -> Result<(), String> {
        if self.tx.ladder.is_empty() {
            return Ok(());
        }
        let direction = self.tx.direction;
        let is_reached = |target: &Price| !is_tighter(direction, *target, exit);
        let reached: Vec<_> = parts(&self.tx)
            .into_iter()
            .filter(|(_, held, target)| !held.is_zero() && target.as_ref().is_some_and(is_reached))
            .collect();
        let all: Quantity = reached.iter().map(|(_, held, _)| *held).sum();
        if !all.is_zero() && all == self.tx.held() {
            return self.close(exit, Leg::Target.as_str(), Some(Leg::Target));
        }
        for (rung, quantity, _) in reached {
            if let Some(rung) = rung.and_then(|at| self.tx.ladder.get_mut(at)) {
                rung.left = rung.left.minus(quantity);
            }
            self.tx.exited = self.tx.exited.plus(quantity);
            self.tx.exited_value += exit.get() * quantity.get();
            if let Some(slice) = self.tx.slices.first_mut() {
                slice.held = slice.held.minus(quantity);
            }
            let leg = Some(Leg::Target);
            self.happen(Event::ExitFill(FillInfo { price: exit, quantity, at: self.now, leg }))?;
        }
        Ok(())
    }
}
