//! Accepts connections and serves them, each with a limit to how long its headers may take.
//!
//! Apart because timeouts and limits of connections are not a matter of routes. A connection that
//! is too many waits to be accepted; it costs the trading side nothing.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{Semaphore, watch};

/// Connections that are served at once.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// How long the headers of a request may take; also how long a connection may idle.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// Pause after a failed accept, such as when file handles are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop.
///
/// # Errors
/// Where the listener cannot be used.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    mut stopped: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        let stream = tokio::select! {
            _ = stopped.changed() => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Without it, small answers may wait for the peer's delayed acknowledgment.
        let _ = stream.set_nodelay(true);
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = stopped.changed() => {}
                // A connection that breaks is the client's affair.
                _ = connection => {}
            }
            drop(place);
        });
    }
}
