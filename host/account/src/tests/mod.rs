//! Tests through the public interface: hostile guests in a sandbox, a scripted broker on loopback.

mod broker;
mod budget;
mod by_hand;
mod caching;
mod confirming;
mod feed_server;
mod guest;
mod hooks;
mod hostile;
mod loading;
mod panics;
mod pictures;
mod sandbox;
mod stage;
mod steps;
mod streaming;
mod swap;

/// The root that only tests trust.
pub(crate) fn tls_root() -> rustls::pki_types::CertificateDer<'static> {
    rustls::pki_types::CertificateDer::from(include_bytes!("tls/root.der").as_slice())
}
