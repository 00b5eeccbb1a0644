//! A plugin that was checked and compiled, ready to be instantiated in microseconds.
//!
//! Apart because loading is where an integrator meets us: each way in which a file can be wrong
//! has its own error with the next step in it. Loading runs nothing of the plugin.

mod binary;
mod error;
mod exports;

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::bindings::streaming::StreamingIndices;
use crate::bindings::{BrokerAccount, BrokerAccountIndices, BrokerAccountPre};
use crate::guest::GuestState;
use crate::host::Host;

pub use error::LoadError;

/// The ABI that this host speaks.
pub const ABI: &str = "bracketd:broker@0.9.0";
/// Largest plugin file in bytes.
pub const PLUGIN_BYTES_MAX: usize = 32 << 20;

/// A plugin that was checked and compiled. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    digest: String,
    imports: Vec<String>,
    pre: BrokerAccountPre<GuestState>,
    account: BrokerAccountIndices,
    /// Where its `streams` are, if it has them.
    streams: Option<StreamingIndices>,
    /// Kept: without its epoch thread no budget of CPU time would ever end.
    host: Host,
}

impl Plugin {
    pub(crate) fn load(host: &Host, wasm: &[u8], name: &str) -> Result<Self, LoadError> {
        let engine = host.engine();
        binary::check(wasm)?;
        let component = Component::from_binary(engine, wasm)
            .map_err(|e| LoadError::Compile { detail: format!("{e:#}") })?;
        let (imports, can_stream) = exports::check(engine, &component)?;
        let mut linker = Linker::<GuestState>::new(engine);
        let compile = |e: wasmtime::Error| LoadError::Compile { detail: format!("{e:#}") };
        BrokerAccount::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)
            .map_err(compile)?;
        let pre = linker
            .instantiate_pre(&component)
            .map_err(|e| LoadError::ImportType { detail: format!("{e:#}") })?;
        let account = BrokerAccountIndices::new(&pre).map_err(compile)?;
        let streams =
            can_stream.then(|| StreamingIndices::new(&pre)).transpose().map_err(compile)?;
        let pre = BrokerAccountPre::new(pre).map_err(compile)?;
        let digest = Sha256::digest(wasm).iter().map(|b| format!("{b:02x}")).collect();
        let (name, host) = (name.to_owned(), host.clone());
        Ok(Self { inner: Arc::new(Inner { name, digest, imports, pre, account, streams, host }) })
    }

    /// The name it was loaded under.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// SHA-256 of the file, in hex.
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// The ABI it was built for.
    pub fn abi(&self) -> &'static str {
        ABI
    }

    /// The interfaces it imports, all of which the host offers.
    pub fn imports(&self) -> &[String] {
        &self.inner.imports
    }

    /// Whether it has the optional `streams` interface.
    pub fn can_stream(&self) -> bool {
        self.inner.streams.is_some()
    }

    /// Where its exports are.
    pub(crate) fn indices(&self) -> (&BrokerAccountIndices, Option<&StreamingIndices>) {
        (&self.inner.account, self.inner.streams.as_ref())
    }

    pub(crate) fn pre(&self) -> &BrokerAccountPre<GuestState> {
        &self.inner.pre
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.inner.host.engine()
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name())
            .field("digest", &self.digest())
            .finish()
    }
}
