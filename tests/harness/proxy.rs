//! The conformance kit's bad network, between the daemon and the exchange.
//!
//! Apart from the exchange because its faults are nobody's answer. A test that has no port has failed.

use std::ops::Deref;

use bracketd_kit::network::Network;

pub(crate) use bracketd_kit::network::Fault;

/// The network, and where it listens.
pub(crate) struct Proxy {
    pub(crate) url: String,
    network: Network,
}

impl Proxy {
    /// Listens, and passes everything on to the exchange at that address.
    pub(crate) fn before(upstream: &str) -> Self {
        let network = Network::before(upstream).expect("a port");
        Self { url: network.url(), network }
    }
}

impl Deref for Proxy {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}
