//! bracketd-core
