//! A daemon whose policy `follow` keeps the stop of one open transaction under the price.
//!
//! Apart because what becomes of a policy while it decides is told by several files of tests.

use super::{Daemon, Dir, Exchange};

/// Whether the first transaction's stop rests there.
pub(crate) fn stop_is(price: &'static str) -> impl Fn(&Daemon) -> bool {
    move |daemon| daemon.tx(1)["legs"]["stop"]["working"] == price
}

/// A daemon with one open transaction of 13, a quantity that no property is tried with, whose stop
/// the policy has moved to 95.
pub(crate) fn followed(dir: &Dir, script: &str) -> (Exchange, Daemon) {
    let exchange = Exchange::manual(dir);
    exchange.price("AAA", "100.00", "100.02");
    let daemon = Daemon::start(dir, &exchange, &[("follow", script)]);
    daemon.ask("tx open AAA long 13 --stop 90 --target 130 --plain");
    daemon.until("the policy moved the stop", stop_is("95"));
    (exchange, daemon)
}
