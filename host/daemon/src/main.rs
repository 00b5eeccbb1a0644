//! The `bracketd` program.
fn main() {}
