//! Tests through the public interface: hostile guests in a sandbox, a scripted broker on loopback.

mod broker;
mod budget;
mod guest;
mod hooks;
mod loading;
mod panics;
mod pictures;
mod sandbox;
mod stage;
mod steps;
mod swap;
