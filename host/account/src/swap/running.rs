//! What an account runs: the plugin, the generation that may write, and instances that stand ready.
//!
//! Apart because the generation is a fence. A write is handed over while the fence is held for
//! reading, and the generation is raised while it is held for writing: once it is raised, nothing
//! of an older generation leaves.

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use bracketd_core::instrument::{AccountInfo, Features};

use crate::instance::Instance;
use crate::lock::lock;
use crate::plugin::Plugin;

/// What an account runs.
pub(crate) struct Running {
    fence: RwLock<u64>,
    code: Mutex<Code>,
}

struct Code {
    plugin: Plugin,
    info: AccountInfo,
    /// Connected instances of this generation, for the threads to take.
    ready: Vec<Instance>,
    parked: Option<Plugin>,
    since: Instant,
}

/// Held while a write is handed over.
pub(crate) struct Entered<'a>(#[expect(dead_code, reason = "held")] RwLockReadGuard<'a, u64>);

impl Running {
    /// A first plugin.
    pub(crate) fn new(plugin: Plugin, generation: u64) -> Self {
        let (info, ready, since) = (AccountInfo::default(), Vec::new(), Instant::now());
        let code = Code { plugin, info, ready, parked: None, since };
        Self { fence: RwLock::new(generation), code: Mutex::new(code) }
    }

    /// The generation that may write.
    pub(crate) fn generation(&self) -> u64 {
        *self.fence.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a write of that generation be handed over; none = it may not write any more.
    pub(crate) fn enter(&self, generation: u64) -> Option<Entered<'_>> {
        let held = self.fence.read().unwrap_or_else(PoisonError::into_inner);
        (*held == generation).then_some(Entered(held))
    }

    /// The plugin.
    pub(crate) fn plugin(&self) -> Plugin {
        lock(&self.code).plugin.clone()
    }

    /// What it says of itself.
    pub(crate) fn info(&self) -> AccountInfo {
        lock(&self.code).info.clone()
    }

    /// Notes what the first plugin says of itself.
    pub(crate) fn described(&self, info: AccountInfo) {
        lock(&self.code).info = info;
    }

    /// Whether it takes several writes at once.
    pub(crate) fn is_concurrent(&self) -> bool {
        lock(&self.code).info.features.has(Features::CONCURRENT_WRITES)
    }

    /// The plugin that ran before.
    pub(crate) fn parked(&self) -> Option<Plugin> {
        lock(&self.code).parked.clone()
    }

    /// Since when this plugin runs.
    pub(crate) fn since(&self) -> Instant {
        lock(&self.code).since
    }

    /// A connected instance of that generation, where one stands ready.
    pub(crate) fn take_ready(&self, generation: u64) -> Option<Instance> {
        let mut code = lock(&self.code);
        let instance = code.ready.pop()?;
        (instance.generation() == generation).then_some(instance)
    }

    /// From now on this plugin runs; the one before is parked. The same bytes again leave the way back
    /// as it is.
    pub(crate) fn replace(
        &self,
        plugin: Plugin,
        info: AccountInfo,
        generation: u64,
        ready: Vec<Instance>,
    ) {
        let mut code = lock(&self.code);
        let mut fence = self.fence.write().unwrap_or_else(PoisonError::into_inner);
        *fence = generation;
        let before = std::mem::replace(&mut code.plugin, plugin);
        if before.digest() != code.plugin.digest() {
            code.parked = Some(before);
        }
        (code.info, code.ready, code.since) = (info, ready, Instant::now());
    }
}
