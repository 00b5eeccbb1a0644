//! The memory and table limits of one instance, summed over all its memories and tables.
//!
//! Apart because wasmtime's own limits hold per memory: a guest with ten of them would have ten
//! times the limit.

use wasmtime::ResourceLimiter;

use crate::guest::Cut;

/// Sums what an instance has.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_left: usize,
    elements_left: usize,
    /// Whether something was refused.
    pub refused: bool,
}

impl Limiter {
    /// A limiter with this much to give.
    pub(crate) fn new(memory_bytes: usize, table_elements: usize) -> Self {
        Self { memory_left: memory_bytes, elements_left: table_elements, refused: false }
    }

    fn take(&mut self, current: usize, desired: usize, memory: bool) -> wasmtime::Result<bool> {
        let left = if memory { &mut self.memory_left } else { &mut self.elements_left };
        let Some(rest) = left.checked_sub(desired.saturating_sub(current)) else {
            self.refused = true;
            return Err(wasmtime::Error::new(Cut::Memory));
        };
        *left = rest;
        Ok(true)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.take(current, desired, true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.take(current, desired, false)
    }

    fn instances(&self) -> usize {
        32
    }

    fn tables(&self) -> usize {
        32
    }

    fn memories(&self) -> usize {
        8
    }
}
