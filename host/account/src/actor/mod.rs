//! The threads of one account.
//!
//! Apart because each of them owns one instance and waits for one kind of work: [`writer`] for
//! commands, [`poller`] for fills and orders, [`pricer`] for prices, [`streamer`] for what the
//! broker tells on its own, [`reader`] for everything else. So a slow read never holds up a fill, and a slow write never holds up another stop.

pub(crate) mod facts;
pub(crate) mod feed;
pub(crate) mod gap;
pub(crate) mod outcome;
pub(crate) mod poller;
pub(crate) mod pricer;
pub(crate) mod reader;
pub(crate) mod reads;
pub(crate) mod rhythm;
pub(crate) mod seen;
pub(crate) mod streamer;
pub(crate) mod streams;
pub(crate) mod writer;
