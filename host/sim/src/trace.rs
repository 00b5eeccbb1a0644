//! What happened in a history: always as one number, on request as lines for people.
//!
//! Apart because two runs of a seed are the same exactly when these are (S14).

use bracketd_core::time::Timestamp;

use crate::stage::BEGIN;

/// The trace of one history.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace that keeps lines, or none.
    pub(crate) fn new(keeps_lines: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: keeps_lines.then(Vec::new) }
    }

    /// Something happened; the words are asked for only when somebody reads them.
    pub(crate) fn note(&mut self, at: Timestamp, code: &str, words: impl FnOnce() -> String) {
        self.mix(&at.0.to_le_bytes());
        self.mix(code.as_bytes());
        if let Some(lines) = &mut self.lines {
            let ms = at.ms_since(BEGIN);
            lines.push(format!("{:>8}.{:03}  {code:<8} {}", ms / 1_000, ms % 1_000, words()));
        }
    }

    /// Adds to the number alone (FNV-1a).
    pub(crate) fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The number.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The lines, where they were kept.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
