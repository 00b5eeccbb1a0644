//! Tests of the ledger as its users see it: what goes in comes out, or nothing does.

mod arbitrary;
mod damage;
mod ledger;
mod released;
mod round_trip;
mod sample;
mod schema;
mod tools;
