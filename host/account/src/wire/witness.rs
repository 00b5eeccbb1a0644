//! Watches the bytes of a request: the only source of "did a write leave?".
//!
//! A transport of its own around TCP and TLS, because an HTTP library's error says what failed
//! and not how far it came. A request runs on one thread, so the mark is that thread's.

use std::cell::Cell;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// How much of a request left the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing; the broker provably saw none of it.
    No,
    /// Some of it may have left.
    Some,
    /// All of it; the host was waiting for the answer.
    Whole,
}

thread_local! {
    static MARK: Cell<Sent> = const { Cell::new(Sent::No) };
}

/// Forgets what the thread's last request did.
pub(crate) fn reset() {
    MARK.set(Sent::No);
}

/// How far the thread's last request came.
pub(crate) fn mark() -> Sent {
    MARK.get()
}

/// Puts a witness around every connection.
#[derive(Debug)]
pub(crate) struct WitnessConnector;

impl<In: Transport> Connector<In> for WitnessConnector {
    type Out = Witness<In>;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(Witness))
    }
}

/// A connection that marks what passes.
#[derive(Debug)]
pub(crate) struct Witness<T>(T);

impl<T: Transport> Transport for Witness<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if amount > 0 {
            MARK.set(Sent::Some);
        }
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        // Asked for only after the whole request went out: `Expect` is never sent.
        MARK.set(Sent::Whole);
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}
