//! Resolves a host once, checks every address and stays with it.
//!
//! Apart because a name that resolves to a public address when it is checked and to a private one
//! when it is used is an old way into a network: what was checked is what is connected to. The
//! pin is dropped after a failed connect, so a broker may move.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

use crate::grant::is_private;
use crate::lock::lock;

/// The addresses in use, by `host:port`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins(Arc<Mutex<HashMap<String, ResolvedSocketAddrs>>>);

impl Pins {
    /// Forgets the addresses of a host.
    pub(crate) fn drop_pin(&self, uri: &Uri) {
        lock(&self.0).remove(&key(uri));
    }
}

/// An address that the grant does not cover.
#[derive(Debug, thiserror::Error)]
#[error("{host} resolves to {ip}, a private address; to allow it: private = true in its grant")]
pub(crate) struct PrivateAddress {
    host: String,
    ip: IpAddr,
}

/// The resolver of one account.
#[derive(Debug)]
pub(crate) struct PinnedResolver {
    pins: Pins,
    private_hosts: Vec<String>,
    system: DefaultResolver,
}

impl PinnedResolver {
    /// A resolver that allows private addresses for these hosts only.
    pub(crate) fn new(pins: Pins, private_hosts: Vec<String>) -> Self {
        Self { pins, private_hosts, system: DefaultResolver::default() }
    }

    /// The addresses of a host, within `timeout`, for a connection that is not made by ureq.
    pub(crate) fn addresses(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: Duration,
    ) -> Result<Vec<SocketAddr>, Error> {
        let timeout = NextTimeout {
            after: timeout.into(),
            reason: Timeout::Resolve,
            ..NextTimeout::default()
        };
        Ok(self.resolve(uri, config, timeout)?.iter().copied().collect())
    }

    fn check(&self, host: &str, ips: impl IntoIterator<Item = IpAddr>) -> Result<(), Error> {
        let allowed = self.private_hosts.iter().any(|h| h.eq_ignore_ascii_case(host));
        match ips.into_iter().find(|ip| !allowed && is_private(*ip)) {
            None => Ok(()),
            Some(ip) => Err(Error::Other(Box::new(PrivateAddress { host: host.to_owned(), ip }))),
        }
    }
}

impl Resolver for PinnedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let key = key(uri);
        if let Some(pinned) = lock(&self.pins.0).get(&key) {
            return Ok(pinned.clone());
        }
        let found = self.system.resolve(uri, config, timeout)?;
        self.check(uri.host().unwrap_or_default(), found.iter().map(SocketAddr::ip))?;
        lock(&self.pins.0).insert(key, found.clone());
        Ok(found)
    }
}

fn key(uri: &Uri) -> String {
    uri.authority().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_private_address_among_public_ones_is_refused() {
        let resolver = PinnedResolver::new(Pins::default(), vec!["here.example".into()]);
        for (host, ips, ok) in [
            ("there.example", vec!["8.8.8.8"], true),
            ("there.example", vec!["8.8.8.8", "169.254.169.254"], false),
            ("here.example", vec!["127.0.0.1"], true),
            ("HERE.example", vec!["10.0.0.1"], true),
        ] {
            let ips = ips.iter().map(|ip| ip.parse().unwrap());
            assert_eq!(resolver.check(host, ips).is_ok(), ok, "{host}");
        }
    }
}
