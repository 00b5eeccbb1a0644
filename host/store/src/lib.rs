//! bracketd-store
