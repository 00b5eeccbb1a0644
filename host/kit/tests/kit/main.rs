//! The kit, run on the Alpaca plugin, and on the same plugin behind fronts that make mistakes.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, and says with what"
)]

mod front;
mod mistakes;
mod passes;
mod separate;

/// The component that this workspace ships.
fn alpaca() -> Vec<u8> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/dist/alpaca.wasm");
    std::fs::read(file).expect("the built plugin")
}
