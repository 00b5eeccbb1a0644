//! The core from outside, without a thread, a clock or a socket: gate tables, lives of
//! transactions, and properties over orders of events.

mod bench_book;
mod gate;
mod lives;
mod properties;
mod tables;
