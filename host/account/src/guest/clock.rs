//! The `clock` import.

use crate::bindings::bracketd::broker::clock;
use crate::guest::GuestState;

impl clock::Host for GuestState {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.enter()?;
        Ok(self.shared.clock.now_ns())
    }

    fn monotonic(&mut self) -> wasmtime::Result<u64> {
        self.enter()?;
        Ok(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
