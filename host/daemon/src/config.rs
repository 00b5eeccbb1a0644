//! The configuration: one TOML file, checked as a whole before anything starts.
//!
//! Apart because people write it: every mistake in it is reported at once, each with its place and
//! what to do. It never opens a connection and never keeps a
//! secret.

pub mod disk;
pub mod file;
pub mod guards;
pub mod load;
pub mod repair;
pub mod resolve;
pub mod resolved;
pub mod shape;
pub mod units;

#[cfg(test)]
mod tests;

pub use load::{Checked, check_file, check_text, data_dir, schema};
pub use resolved::Config;
