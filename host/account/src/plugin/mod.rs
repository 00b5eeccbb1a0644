//! A plugin that was checked and compiled, ready to be instantiated in microseconds.
//!
//! Apart because loading is where an integrator meets us: each way in which a file can be wrong
//! has its own error with the next step in it. Loading runs nothing of the plugin.

mod binary;
mod cache;
mod capabilities;
mod error;
mod examine;
pub(crate) mod exports;
mod patience;
mod sections;

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::bindings::streaming::StreamingIndices;
use crate::bindings::{BrokerAccount, BrokerAccountIndices, BrokerAccountPre};
use crate::guest::GuestState;
use crate::host::Host;
use crate::swap::PluginId;

pub use cache::{CACHE_DIR, CACHE_KEY_FILE, CompiledCache};
pub use capabilities::{Capabilities, CapabilityChange};
pub use error::LoadError;
pub use examine::{Examined, ExportSeen, ImportSeen};
pub use patience::read_plugin;
pub use sections::Section;

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
    exports: Vec<String>,
    is_from_cache: bool,
    pre: BrokerAccountPre<GuestState>,
    account: BrokerAccountIndices,
    /// Where its `streams` are, if it has them.
    streams: Option<StreamingIndices>,
    /// Kept: without its epoch thread no budget of CPU time would ever end.
    host: Host,
}

/// SHA-256 of a plugin's file, in hex: what a configuration pins.
pub fn digest(wasm: &[u8]) -> String {
    Sha256::digest(wasm).iter().map(|b| format!("{b:02x}")).collect()
}

impl Plugin {
    pub(crate) fn load(
        host: &Host,
        wasm: &[u8],
        name: &str,
        cache: Option<&CompiledCache>,
    ) -> Result<Self, LoadError> {
        let engine = host.engine();
        binary::check(wasm)?;
        // The digest is what people compare; it takes as long as everything else here.
        let (digest, kept) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| digest(wasm));
            let kept = cache.and_then(|cache| cache.get(engine, wasm));
            let failed = |_| LoadError::Compile { detail: "the digest failed".to_owned() };
            Ok((digest.join().map_err(failed)?, kept))
        })?;
        let is_from_cache = kept.is_some();
        let component = kept.map_or_else(|| compile(engine, wasm), Ok)?;
        // Also what comes from the cache: it may have been put there by a host of another ABI.
        let found = exports::look(engine, &component, exports::Words::Problems);
        if let Some(problem) = found.problems.into_iter().next() {
            return Err(problem);
        }
        let mut linker = Linker::<GuestState>::new(engine);
        let refused = |e: wasmtime::Error| LoadError::Compile { detail: format!("{e:#}") };
        BrokerAccount::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)
            .map_err(refused)?;
        let pre = linker
            .instantiate_pre(&component)
            .map_err(|e| LoadError::ImportType { detail: format!("{e:#}") })?;
        let account = BrokerAccountIndices::new(&pre).map_err(refused)?;
        let streams =
            found.can_stream.then(|| StreamingIndices::new(&pre)).transpose().map_err(refused)?;
        let pre = BrokerAccountPre::new(pre).map_err(refused)?;
        if let Some(cache) = cache.filter(|_| !is_from_cache) {
            cache.put(engine, wasm, &component);
        }
        let (name, host) = (name.to_owned(), host.clone());
        let (imports, exports) = (found.imports, found.exports);
        Ok(Self {
            inner: Arc::new(Inner {
                name,
                digest,
                imports,
                exports,
                is_from_cache,
                pre,
                account,
                streams,
                host,
            }),
        })
    }

    /// The name it was loaded under.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// SHA-256 of the file, in hex.
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// Name and digest, for people.
    pub fn id(&self) -> PluginId {
        PluginId { name: self.name().to_owned(), digest: self.digest().to_owned() }
    }

    /// The ABI it was built for.
    pub fn abi(&self) -> &'static str {
        ABI
    }

    /// The interfaces it imports, all of which the host offers.
    pub fn imports(&self) -> &[String] {
        &self.inner.imports
    }

    /// The interfaces it exports: the `account` interface and, where it has them, optional ones.
    pub fn exports(&self) -> &[String] {
        &self.inner.exports
    }

    /// Whether it was compiled before and only read back.
    pub fn is_from_cache(&self) -> bool {
        self.inner.is_from_cache
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

fn compile(engine: &Engine, wasm: &[u8]) -> Result<Component, LoadError> {
    Component::from_binary(engine, wasm)
        .map_err(|e| LoadError::Compile { detail: format!("{e:#}") })
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name())
            .field("digest", &self.digest())
            .finish()
    }
}
