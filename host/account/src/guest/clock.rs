//! The `clock` import.

use crate::bindings::bracketd::broker::clock;
use crate::guest::GuestState;

impl clock::Host for GuestState {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.enter("clock.now")?;
        let now = self.shared.clock.now_ns();
        self.leave("clock.now")?;
        Ok(now)
    }

    fn monotonic(&mut self) -> wasmtime::Result<u64> {
        self.enter("clock.monotonic")?;
        self.leave("clock.monotonic")?;
        Ok(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
