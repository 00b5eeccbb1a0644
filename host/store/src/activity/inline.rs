//! Text and decimals without a heap: what makes a record one flat piece of memory.
//!
//! Apart because recording must not allocate. Text that is too long is cut, never refused, and ends
//! with `…` then.

use std::fmt;

use bracketd_core::Decimal;

/// What ends a text that was cut.
const CUT: &str = "…";

/// Up to `N` bytes of text, cut at a character's end; `N` is 3 to 255.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InlineStr<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> InlineStr<N> {
    /// No text.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; N] };

    /// The text, or as many of its characters as fit with the sign that it was cut.
    pub fn new(text: &str) -> Self {
        let room = N.min(255);
        let (end, sign) = if text.len() <= room {
            (text.len(), "")
        } else {
            (text.floor_char_boundary(room.saturating_sub(CUT.len())), CUT)
        };
        let mut kept = Self::EMPTY;
        let bytes = text.as_bytes().iter().take(end).chain(sign.as_bytes());
        for (to, from) in kept.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        kept.len = u8::try_from(room.min(end + sign.len())).unwrap_or(u8::MAX);
        kept
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        // Always whole characters: it was cut at a character's end.
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl<const N: usize> Default for InlineStr<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> From<&str> for InlineStr<N> {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl<const N: usize> fmt::Debug for InlineStr<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// A decimal or none, in sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InlineDecimal([u8; 16]);

impl InlineDecimal {
    /// None; no decimal has these bytes, for its flags leave most bits zero.
    pub const NONE: Self = Self([0xFF; 16]);

    /// The decimal, where there is one.
    pub fn get(self) -> Option<Decimal> {
        (self != Self::NONE).then(|| Decimal::deserialize(self.0))
    }
}

impl Default for InlineDecimal {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<Option<Decimal>> for InlineDecimal {
    fn from(value: Option<Decimal>) -> Self {
        value.map_or(Self::NONE, |number| Self(number.serialize()))
    }
}

impl fmt::Debug for InlineDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_characters_end() {
        for (text, kept) in [
            ("", ""),
            ("abc", "abc"),
            ("abcd", "abcd"),
            ("abcde", "a…"),
            ("abcé", "a…"),
            ("éé", "éé"),
            ("😀", "😀"),
            ("a😀", "a…"),
            ("é😀", "…"),
        ] {
            assert_eq!(InlineStr::<4>::new(text).as_str(), kept, "{text}");
        }
    }

    #[test]
    fn every_decimal_comes_back_with_its_scale() {
        for number in [
            None,
            Some(Decimal::ZERO),
            Some(Decimal::new(-1, 28)),
            Some(Decimal::new(1_500, 2)),
            Some(Decimal::MAX),
            Some(Decimal::MIN),
        ] {
            let back = InlineDecimal::from(number).get();
            assert_eq!(back.map(|d| d.to_string()), number.map(|d| d.to_string()));
        }
    }
}
