//! bracketd-engine
