//! The HTTP server around the exchange.
//!
//! Separate from the exchange itself: it owns a thread with a tokio runtime, and nothing else in
//! this crate knows of either. Handlers hold the one lock for as long as they compute, never
//! across an await.

mod admin;
mod answer;
mod data;
mod gate;
mod neutral;
mod orders;
mod pace;
mod positions;
mod stream;

use crate::config::{ExchangeConfig, Feed};
use crate::hub::{Hub, StartError};
use crate::world::Command;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use gate::Gate;
use pace::Clock;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// What all handlers share.
pub(crate) struct Shared {
    hub: Mutex<Hub>,
    clock: Clock,
    gate: Gate,
}

impl Shared {
    fn new(config: &ExchangeConfig) -> Result<Self, StartError> {
        let mut hub = Hub::open(config)?;
        let clock = Clock::new(&config.feed, hub.world.state.clock_ns);
        if let Feed::Market(_) = config.feed {
            // A market shows a price at once: a reader must never find it empty, or stale after a
            // restart. A failed write shows again at the first request that changes anything.
            let _written_or_said_later = hub.run(&Command::Advance { at_ns: clock.now_ns() });
        }
        Ok(Self { hub: Mutex::new(hub), clock, gate: Gate::new(config) })
    }

    /// The exchange. A handler that panicked has not left it half changed: each command is applied
    /// whole or refused whole.
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exchange's present time, in unix nanoseconds.
    fn now_ns(&self, hub: &Hub) -> i64 {
        self.clock.now_ns().max(hub.world.state.clock_ns)
    }
}

/// A running exchange; dropping it stops it.
#[derive(Debug)]
pub struct ExchangeHandle {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ExchangeHandle {
    /// Base URL of the trading and the market data API, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server and waits for its thread.
    pub fn shutdown(mut self) {
        self.stop_now();
    }

    fn stop_now(&mut self) {
        // The receiver is gone where the server ended by itself; either way the thread ends.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }

    /// Waits until the server ends by itself.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl Drop for ExchangeHandle {
    fn drop(&mut self) {
        self.stop_now();
    }
}

/// A paper exchange; `spawn` is the way to start one.
#[derive(Debug)]
pub struct Exchange;

impl Exchange {
    /// Starts an exchange in a thread of its own. It listens when this returns.
    ///
    /// # Errors
    /// Unreadable tape, unusable book file, no account, address in use.
    pub fn spawn(config: &ExchangeConfig) -> Result<ExchangeHandle, StartError> {
        let address = config.bind;
        let listen = |source| StartError::Listen { address, source };
        let shared = Arc::new(Shared::new(config)?);
        let listener = TcpListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(listen)?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("exchange".into())
            .spawn(move || runtime.block_on(serve(listener, shared, stopped)))
            .map_err(listen)?;
        Ok(ExchangeHandle { address: bound, stop: Some(stop), thread: Some(thread) })
    }

    /// Runs an exchange until the process ends; `ready` gets its URL once it listens.
    ///
    /// # Errors
    /// As [`Exchange::spawn`].
    pub fn run_blocking(
        config: &ExchangeConfig,
        ready: impl FnOnce(&str),
    ) -> Result<(), StartError> {
        let handle = Self::spawn(config)?;
        ready(&handle.url());
        handle.wait();
        Ok(())
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, stopped: oneshot::Receiver<()>) {
    // Neither can fail for a bound, non-blocking listener inside a runtime.
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let listener = listener.tap_io(|stream| {
        // Without it the kernel may hold small answers back for tens of milliseconds.
        let _best_effort = stream.set_nodelay(true);
    });
    let paced = pace::run(Arc::clone(&shared));
    tokio::select! {
        _ended = async { axum::serve(listener, router(shared)).await } => {}
        () = paced => {}
        _stop = stopped => {}
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v2/account", get(positions::account))
        .route("/v2/account/activities/FILL", get(orders::fills))
        .route("/v2/clock", get(positions::clock))
        .route("/v2/assets", get(positions::assets))
        .route("/v2/assets/{symbol}", get(positions::asset))
        .route("/v2/orders", post(orders::submit).get(orders::list).delete(orders::cancel_all))
        .route("/v2/orders:by_client_order_id", get(orders::by_client_id))
        .route("/v2/orders/{id}", get(orders::one).patch(orders::replace).delete(orders::cancel))
        .route("/v2/positions", get(positions::list).delete(positions::close_all))
        .route("/v2/positions/{symbol}", get(positions::one).delete(positions::close))
        .route("/v2/stocks/quotes/latest", get(data::quotes))
        .route("/v2/stocks/trades/latest", get(data::trades))
        .route("/v2/stocks/bars", get(data::bars))
        .route("/admin/book", get(neutral::book))
        .route("/admin/step", get(admin::step))
        .route("/admin/ack", post(admin::ack))
        .route("/admin/price", post(admin::price))
        .route("/admin/liquidity", post(admin::liquidity))
        .route("/admin/incident", post(admin::incident))
        .fallback(answer::unknown_path)
        .layer(from_fn_with_state(Arc::clone(&shared), gate::check))
        // Behind the gate's back: who listens says who he is in his first message.
        .route("/stream", get(stream::open))
        .layer(from_fn(gate::request_id))
        .with_state(shared)
}
