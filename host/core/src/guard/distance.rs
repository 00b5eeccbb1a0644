//! How near: the smallest distance to the market (G16), and the smallest step of a trail (G6).
//!
//! Apart because both turn ticks or percent into a difference of prices. The distance is measured
//! from the price that the leg is checked against, the market for what is held: measured from the
//! entry, such a floor once pulled stops that had locked in a profit back into a loss.

use crate::check::{Context, No, PriceRules, is_tighter};
use crate::intent::Request;
use crate::money::{Price, Snap};
use crate::order::{Direction, Leg};
use crate::refusal::Refusal;
use crate::transaction::{Transaction, TransactionStatus};

/// G16: whether the price is too near to what it is checked against.
pub(crate) fn too_close(rules: &PriceRules<'_>, leg: Leg, price: Price) -> Result<(), No> {
    let Some(min) = rules.context.account.rules.guards.min_distance else { return Ok(()) };
    let Some(instrument) = rules.context.instrument else { return Ok(()) };
    let (reference, name) = rules.reference;
    let least = min.from(reference, instrument.tick_at(reference.get()));
    if (price.get() - reference.get()).abs() >= least {
        return Ok(());
    }
    let below = matches!(
        (leg, rules.direction),
        (Leg::Stop, Direction::Long) | (Leg::Target, Direction::Short)
    );
    let (delta, away) = if below { (-least, Snap::Down) } else { (least, Snap::Up) };
    let nearest = reference.offset(delta).and_then(|at| instrument.snap(at, away));
    let nearest = nearest.map_or_else(|| "none".to_owned(), |price| price.to_string());
    let why = format!(
        "the {} {price} is nearer to the {name} {reference} than {min}; the nearest allowed is \
         {nearest}",
        leg.as_str()
    );
    Err((Refusal::TooClose, why))
}

/// G6: whether an automatic source moves only the stop, and by less than is worth a message. Says
/// what is waited for.
pub(crate) fn too_small(
    tx: &Transaction,
    context: &Context<'_>,
    request: &Request,
    after: (Option<Price>, Option<Price>),
) -> Option<String> {
    let min = context.account.rules.guards.min_step?;
    let is_trail = !request.source.is_person()
        && tx.status == TransactionStatus::Opened
        && after.1 == tx.desired.target;
    let (now, to) = (tx.desired.stop.filter(|_| is_trail)?, after.0?);
    let tick = context.instrument?.tick_at(now.get());
    let step = (to.get() - now.get()).abs();
    // A looser stop is never put off: what is wanted there is not gain but room.
    (is_tighter(tx.direction, to, now) && step < min.from(now, tick)).then(|| {
        format!(
            "a step of {step} from {now} is smaller than {min}; the stop moves with a larger one"
        )
    })
}
