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
mod streams;

/// The component that this workspace ships.
fn alpaca() -> Vec<u8> {
    shipped("alpaca.wasm")
}

/// A built plugin by the name of its file.
fn shipped(file: &str) -> Vec<u8> {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/dist");
    std::fs::read(format!("{dist}/{file}")).expect("a built plugin")
}
