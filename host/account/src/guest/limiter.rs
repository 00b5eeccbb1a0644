//! The memory and table limits of one instance, summed over all its memories and tables.
//!
//! Apart because wasmtime's own limits hold per memory: a guest with ten of them would have ten
//! times the limit.

use wasmtime::ResourceLimiter;

use crate::guest::Cut;

/// Sums what an instance has.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory: Room,
    elements: Room,
    /// What was refused, if something was.
    pub refused: Option<Cut>,
}

/// How much there is of something.
#[derive(Debug)]
struct Room {
    limit: usize,
    left: usize,
}

impl Room {
    fn new(limit: usize) -> Self {
        Self { limit, left: limit }
    }

    fn take(&mut self, current: usize, desired: usize) -> bool {
        let rest = self.left.checked_sub(desired.saturating_sub(current));
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }
}

impl Limiter {
    /// A limiter with this much to give.
    pub(crate) fn new(memory_bytes: usize, table_elements: usize) -> Self {
        let (memory, elements) = (Room::new(memory_bytes), Room::new(table_elements));
        Self { memory, elements, refused: None }
    }

    /// Memory in use, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory.limit - self.memory.left
    }

    fn refuse(&mut self, cut: Cut) -> wasmtime::Result<bool> {
        self.refused = Some(cut);
        Err(wasmtime::Error::new(cut))
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if self.memory.take(current, desired) {
            return Ok(true);
        }
        self.refuse(Cut::Memory { limit_bytes: self.memory.limit })
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if self.elements.take(current, desired) {
            return Ok(true);
        }
        self.refuse(Cut::Tables { limit: self.elements.limit })
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
