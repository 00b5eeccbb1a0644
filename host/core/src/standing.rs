//! What the host does for a transaction by itself until it is told otherwise: a stop that trails,
//! a time limit, a review that somebody asked for.
//!
//! Apart because these outlive the script that asked: they are kept with the transaction, so an
//! error of the script, a reload and a restart change nothing about them. They only propose, like
//! everybody else: the stop they want passes the gate.

use rust_decimal::Decimal;

use crate::check::is_tighter;
use crate::instrument::Instrument;
use crate::intent::Source;
use crate::money::{Price, SCALE_MAX};
use crate::order::{Direction, Leg};
use crate::refusal::Refusal;

/// How far behind the best price a trailed stop stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailDistance {
    /// So much in price.
    Price(Decimal),
    /// So many percent of the best price.
    Percent(Decimal),
}

impl TrailDistance {
    /// The distance from that best price.
    pub fn from(self, best: Price) -> Decimal {
        match self {
            Self::Price(distance) => distance,
            Self::Percent(percent) => best.get().saturating_mul(percent) / Decimal::ONE_HUNDRED,
        }
    }
}

impl std::fmt::Display for TrailDistance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Price(distance) => write!(f, "{distance}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// What is asked of a trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailTerms {
    /// How far behind the best price.
    pub distance: TrailDistance,
    /// It begins once the best price has reached this; none begins at once.
    pub activate_at: Option<Price>,
    /// Smaller moves of the stop are not made; zero makes every one.
    pub step: Decimal,
}

/// A stop that follows the best price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// What was asked.
    pub terms: TrailTerms,
    /// Who asked.
    pub by: Source,
    /// Why, in the asker's words.
    pub why: String,
    /// The best price, at which what is held could have been ended, since it was asked for and
    /// something was held. Kept with each move of the stop and with each one that was refused; what
    /// lies between moves no stop.
    pub best: Option<Price>,
    /// The refusal that the last move met: it is told once.
    pub held_back: Option<Refusal>,
}

impl Trail {
    /// The better of the best price so far and this one.
    pub fn better(&self, direction: Direction, price: Price) -> Price {
        match (self.best, direction) {
            (None, _) => price,
            (Some(best), Direction::Long) => best.max(price),
            (Some(best), Direction::Short) => best.min(price),
        }
    }

    /// Where the stop belongs when that is the best price; nothing before the trail begins.
    pub fn stop_at(
        &self,
        best: Price,
        direction: Direction,
        instrument: &Instrument,
    ) -> Option<Price> {
        let has_begun = self.terms.activate_at.is_none_or(|at| match direction {
            Direction::Long => best >= at,
            Direction::Short => best <= at,
        });
        if !has_begun {
            return None;
        }
        let away = self.terms.distance.from(best).round_dp(SCALE_MAX);
        let delta = match direction {
            Direction::Long => -away,
            Direction::Short => away,
        };
        instrument.snap_toward_market(best.offset(delta)?, Leg::Stop, direction)
    }

    /// Whether a move of the stop from where it is to there is one, and no smaller than a step.
    pub fn is_worth_it(&self, direction: Direction, from: Option<Price>, to: Price) -> bool {
        from.is_none_or(|from| {
            let step = (to.get() - from.get()).abs();
            is_tighter(direction, to, from) && step >= self.terms.step
        })
    }
}

/// How long a transaction may be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeLimit {
    /// Milliseconds from the first fill.
    pub hold_ms: u64,
    /// Who asked.
    pub by: Source,
    /// Why, in the asker's words.
    pub why: String,
    /// The refusal that the close met: it is told once.
    pub held_back: Option<Refusal>,
}

/// Everything that the host does for a transaction by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its stop follows the price.
    pub trail: Option<Trail>,
    /// It is closed when it was held for so long.
    pub time_limit: Option<TimeLimit>,
    /// Why somebody asked people to look at it, until a person did.
    pub review: Option<String>,
}

/// One of the things that stand and can be held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    Trail,
    TimeLimit,
}

impl Stands {
    /// The verb that asked for it.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Trail => "trail",
            Self::TimeLimit => "triple_barrier",
        }
    }
}

impl Standing {
    pub(crate) fn held_back(&self, what: Stands) -> Option<Refusal> {
        match what {
            Stands::Trail => self.trail.as_ref()?.held_back,
            Stands::TimeLimit => self.time_limit.as_ref()?.held_back,
        }
    }

    pub(crate) fn set_held_back(&mut self, what: Stands, why: Option<Refusal>) {
        match what {
            Stands::Trail => self.trail.iter_mut().for_each(|trail| trail.held_back = why),
            Stands::TimeLimit => self.time_limit.iter_mut().for_each(|l| l.held_back = why),
        }
    }

    /// Whether there is nothing of it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
