//! bracketd-exchange
