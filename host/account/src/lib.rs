//! bracketd-account
