//! bracketd-daemon
