//! bracketd-policy
