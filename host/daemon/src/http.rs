//! The local HTTP API under `/api/v1`.
//!
//! Apart because it is the only place with an asynchronous runtime: one named thread. It holds no
//! trading state; every request becomes a message to the engine thread or a read of the ledger.

mod admit;
mod ask;
mod body;
mod control;
mod policy;
mod problem;
mod read;
mod records;
mod serve;
mod write;

#[cfg(test)]
pub(crate) mod tests;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::routing::{get, post};
use crossbeam_channel::Sender;
use tokio::sync::watch;

use crate::message::ToEngine;
use crate::run::KILL_FILE;
use crate::vital;
pub use control::CONFIRM_ALL;

use admit::Admission;
use ask::Engine;
use records::Records;

/// The thread that serves the API. Dropping it ends the thread, open requests included.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

/// What every handler can reach.
#[derive(Clone, Debug)]
struct App {
    engine: Engine,
    records: Records,
    /// The file KILL in the data directory, there or not.
    kill_file: PathBuf,
}

impl Server {
    /// Serves the API on the listener; each request must carry the token. Facts and activity are
    /// read from the data directory.
    ///
    /// # Errors
    /// Where the listener cannot be used or the thread cannot be started.
    pub fn start(
        listener: TcpListener,
        token: &str,
        data_dir: &Path,
        engine: Sender<ToEngine>,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("http-wait")
            .max_blocking_threads(serve::CONNECTIONS_MAX)
            .build()?;
        let admission = Arc::new(Admission::new(address, token));
        let app = App {
            engine: Engine::new(engine),
            records: Records::new(data_dir),
            kill_file: data_dir.join(KILL_FILE),
        };
        let app = router(app, admission);
        let (stop, stopped) = watch::channel(false);
        let thread = vital::spawn("http", move || {
            if let Err(error) = runtime.block_on(serve::serve(listener, app, stopped)) {
                vital::end_process(&format!("the HTTP API has ended by itself: {error}"));
            }
            // Threads that wait for the engine are not waited for: they end with their deadline.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(true);
        }
        if let Some(thread) = self.thread.take() {
            // A panic there has ended the process.
            drop(thread.join());
        }
    }
}

fn router(app: App, admission: Arc<Admission>) -> Router {
    let v1 = Router::new()
        .route("/status", get(read::status))
        .route("/transactions", get(read::transactions).post(write::open))
        .route("/transactions/{id}", get(read::transaction))
        .route("/transactions/{id}/facts", get(records::facts))
        .route("/transactions/{id}/protection", post(write::protection))
        .route("/transactions/{id}/ladder", post(write::ladder))
        .route("/transactions/{id}/close", post(write::close))
        .route("/transactions/{id}/quantity", post(write::quantity))
        .route("/transactions/{id}/cancel-entry", post(write::cancel_entry))
        .route("/transactions/{id}/locks", post(write::locks))
        .route("/transactions/{id}/clear-trail", post(write::clear_trail))
        .route("/transactions/{id}/clear-time-limit", post(write::clear_time_limit))
        .route("/transactions/{id}/reviewed", post(write::reviewed))
        .route("/transactions/{id}/resolve", post(write::resolve))
        .route("/adoptions", post(write::adopt))
        .route("/portfolio", get(read::portfolio))
        .route("/prices", get(read::prices))
        .route("/trade-summary", get(read::trade_summary))
        .route("/guards", get(read::guards))
        .route("/policies", get(read::policies))
        .route("/policies/reload", post(write::reload))
        .route("/policies/{name}/thaw", post(policy::thaw))
        .route("/policies/{name}/params", get(policy::params))
        .route("/policies/{name}/versions/{digest}", get(policy::version))
        .route("/activity", get(records::activity))
        .route("/kill", post(control::kill))
        .route("/accounts", get(control::accounts))
        .route("/accounts/{name}", get(control::account))
        .route("/accounts/{name}/arm", post(control::arm))
        .route("/accounts/{name}/disarm", post(control::disarm))
        .route("/accounts/{name}/unlock", post(control::unlock))
        .route("/accounts/{name}/reconcile", post(control::reconcile))
        .route("/accounts/{name}/plugin", post(control::plugin))
        .route("/accounts/{name}/plugin/rollback", post(control::plugin_back));
    Router::new()
        .nest("/api/v1", v1)
        .route("/livez", get(read::livez))
        .route("/readyz", get(read::readyz))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(admission, admit::admit))
        .with_state(app)
}
