//! Prices and quantities: exact decimals behind types that cannot be mixed up (I8).
//!
//! Apart so that rounding has one home and always names its direction. No float enters or leaves.

use std::fmt;

use rust_decimal::Decimal;

/// Largest magnitude that is taken from outside for any price, quantity or amount of money.
pub const MAGNITUDE_MAX: i64 = 1_000_000_000_000;
/// Most decimals that are taken from outside.
pub const SCALE_MAX: u32 = 12;

/// Whether a number from outside is small and coarse enough that no sum or product of two of them
/// can overflow.
pub fn is_sane(value: Decimal) -> bool {
    value.normalize().scale() <= SCALE_MAX && value.abs() <= Decimal::from(MAGNITUDE_MAX)
}

/// A price per unit in the instrument's currency; always above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(Decimal);

impl Price {
    /// The price, or nothing when it is not above zero or not [sane](is_sane).
    pub fn new(value: Decimal) -> Option<Self> {
        (value > Decimal::ZERO && is_sane(value)).then(|| Self(value.normalize()))
    }

    /// The number itself.
    pub fn get(self) -> Decimal {
        self.0
    }

    /// This price moved by `delta`, or nothing where no price is left.
    pub fn offset(self, delta: Decimal) -> Option<Self> {
        Self::new(self.0.checked_add(delta)?)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An amount of an instrument; never negative, the direction stands elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(Decimal);

impl Quantity {
    /// No quantity.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The quantity, or nothing when it is negative or not [sane](is_sane).
    pub fn new(value: Decimal) -> Option<Self> {
        (value >= Decimal::ZERO && is_sane(value)).then(|| Self(value.normalize()))
    }

    /// The number itself.
    pub fn get(self) -> Decimal {
        self.0
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left after taking `other` away; nothing when `other` is larger.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        if other.0 >= self.0 { Self::ZERO } else { Self(self.0 - other.0) }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Self::plus)
    }
}

/// Where a price goes that lies between two ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snap {
    /// To the tick below.
    Down,
    /// To the tick above.
    Up,
}

/// `value` on a multiple of `step`, in the named direction; unchanged when `step` is zero.
pub fn snap(value: Decimal, step: Decimal, to: Snap) -> Decimal {
    if step.is_zero() {
        return value;
    }
    let Some(steps) = value.checked_div(step) else { return value };
    let whole = match to {
        Snap::Down => steps.floor(),
        Snap::Up => steps.ceil(),
    };
    whole.checked_mul(step).map_or(value, |v| v.normalize())
}
