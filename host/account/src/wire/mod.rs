//! The way to the broker: one connection pool per account, made by the host.
//!
//! Apart from the `http` import because a request outlives the guest that asked for it. No
//! redirect is followed, no proxy variable is read, and no address is used that the grant does
//! not cover.

mod client;
pub(crate) mod flight;
mod resolver;
mod sender;
pub(crate) mod socket;
mod witness;

pub(crate) use client::{Client, Failure, Prepared, Reply, Why};
pub(crate) use sender::Senders;
pub(crate) use witness::Sent;
