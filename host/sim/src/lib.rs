//! bracketd-sim
