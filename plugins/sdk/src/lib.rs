//! What a broker plugin needs: the bindings of `bracketd:broker`, decimals, times and faults.
//!
//! It must never know a broker, keep state, or reach anything but the host's imports.

pub mod bindings;
