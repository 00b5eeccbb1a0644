//! The Alpaca broker plugin.
