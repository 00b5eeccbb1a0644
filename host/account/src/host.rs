//! The one wasmtime engine of the process and its clock of epochs.
//!
//! Apart because every limit of the sandbox that holds for all guests is set here, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::{Config, Engine, OptLevel, RegallocAlgorithm};

use crate::failure::vital;
use crate::plugin::{CompiledCache, Examined, LoadError, Plugin};

/// The length of an epoch in milliseconds: the resolution of CPU budgets.
pub(crate) const EPOCH_MS: u64 = 5;
/// Stack of a guest, in bytes. Without the compiler's optimizations its frames are several times as
/// large.
const STACK_BYTES: usize = if cfg!(debug_assertions) { 1 << 20 } else { 512 << 10 };

/// The engine that runs all plugins of the process. Every plugin keeps it alive.
#[derive(Clone, Debug)]
pub struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Engine,
    generation: AtomicU64,
    /// Whether a plugin is being compiled for a running daemon.
    is_compiling: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    ticker: Option<JoinHandle<()>>,
}

/// Why no host could be made.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// This machine or its configuration cannot run the sandbox.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The thread that counts epochs could not be started.
    #[error("the epoch thread does not start: {0}")]
    Ticker(#[source] std::io::Error),
}

impl Host {
    /// Makes the engine and starts the thread that counts epochs of 5 ms.
    ///
    /// # Errors
    /// [`HostError`] when the machine cannot run the sandbox or start a thread.
    pub fn new() -> Result<Self, HostError> {
        let mut config = Config::new();
        config
            .wasm_component_model(true)
            .concurrency_support(false)
            .epoch_interruption(true)
            .wasm_memory64(false)
            .wasm_relaxed_simd(false)
            .cranelift_nan_canonicalization(true)
            .max_wasm_stack(STACK_BYTES)
            .parallel_compilation(true)
            // Tables for native debuggers, for profilers and for offsets in backtraces, which nobody
            // here reads; with them, loading compiled code takes twice as long.
            .native_unwind_info(false)
            .debug_symbols(false)
            .generate_address_map(false);
        if cfg!(debug_assertions) {
            // Tests start hundreds of daemons: there the compiler's time counts, not the guest's.
            config
                .cranelift_opt_level(OptLevel::None)
                .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
        }
        let engine = Engine::new(&config).map_err(|e| HostError::Engine(format!("{e:#}")))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (weak, stopped) = (engine.weak(), stop.clone());
        let ticker = thread::Builder::new().name("account/epoch".to_owned()).spawn(move || {
            // Without it no guest would ever be ended.
            vital(move || {
                while !stopped.load(Ordering::Acquire) {
                    thread::sleep(Duration::from_millis(EPOCH_MS));
                    let Some(engine) = weak.upgrade() else { return };
                    engine.increment_epoch();
                }
            });
        });
        let ticker = Some(ticker.map_err(HostError::Ticker)?);
        let generation = AtomicU64::new(0);
        let is_compiling = Arc::default();
        Ok(Self { inner: Arc::new(Inner { engine, generation, is_compiling, stop, ticker }) })
    }

    /// Parses, validates and compiles a plugin. `name` is for messages. Takes as long as the
    /// compiler takes: call it off the trading path.
    ///
    /// # Errors
    /// [`LoadError`] says what was expected, what was found and what to do next.
    pub fn load(&self, wasm: &[u8], name: &str) -> Result<Plugin, LoadError> {
        Plugin::load(self, wasm, name, None)
    }

    /// As [`Self::load`], without the compiler where the cache has the plugin. What is compiled is
    /// kept there.
    ///
    /// # Errors
    /// [`LoadError`], as in [`Self::load`]; never because of the cache.
    pub fn load_cached(
        &self,
        wasm: &[u8],
        name: &str,
        cache: &CompiledCache,
    ) -> Result<Plugin, LoadError> {
        Plugin::load(self, wasm, name, Some(cache))
    }

    /// Everything there is to say about a file before it is loaded, every mistake at once. Runs
    /// nothing of it; compiles it.
    pub fn examine(&self, wasm: &[u8]) -> Examined {
        Examined::of(self, wasm)
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// Whether a plugin is being compiled for a running daemon.
    pub(crate) fn is_compiling(&self) -> &Arc<AtomicBool> {
        &self.inner.is_compiling
    }

    /// A number for the next set of instances.
    pub(crate) fn next_generation(&self) -> u64 {
        self.inner.generation.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(ticker) = self.ticker.take() {
            // A ticker that panicked has nothing left to clean up.
            drop(ticker.join());
        }
    }
}
