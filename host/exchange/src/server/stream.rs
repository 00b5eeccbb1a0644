//! The stream of trade updates, `/stream`: who says his keys and listens is told what happens to
//! his orders, in binary frames as the broker's paper account sends them.
//!
//! Separate because a socket lives on while requests come and go. A listener that is too slow is
//! sent away: he has to read everything again, and knows it.

use super::Shared;
use crate::hub::Update;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;

/// Largest message that is read.
const MESSAGE_BYTES_MAX: usize = 16 << 10;
/// The one stream there is.
const UPDATES: &str = "trade_updates";

/// What a listener says.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Said {
    Auth { key: String, secret: String },
    Listen { data: Wanted },
}

#[derive(Deserialize)]
struct Wanted {
    streams: Vec<String>,
}

/// `GET /stream`
pub(super) async fn open(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| async move { Listener::new(shared, socket).run().await })
}

struct Listener {
    shared: Arc<Shared>,
    socket: WebSocket,
    account: Option<usize>,
    updates: Option<Receiver<Update>>,
}

impl Listener {
    fn new(shared: Arc<Shared>, socket: WebSocket) -> Self {
        Self { shared, socket, account: None, updates: None }
    }

    /// Until either side has had enough.
    async fn run(mut self) {
        loop {
            tokio::select! {
                said = self.socket.recv() => match said {
                    Some(Ok(Message::Text(text))) => {
                        if self.hear(text.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                    Some(Ok(Message::Binary(bytes))) => {
                        if self.hear(&bytes).await.is_err() {
                            return;
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                },
                update = next(&mut self.updates) => match update {
                    Some((account, message)) if Some(account) == self.account => {
                        if self.socket.send(Message::binary(message.to_string())).await.is_err() {
                            return;
                        }
                    }
                    Some(_) => {}
                    None => return,
                },
            }
        }
    }

    async fn hear(&mut self, message: &[u8]) -> Result<(), axum::Error> {
        let answer = match serde_json::from_slice::<Said>(message) {
            Ok(Said::Auth { key, secret }) => {
                self.account = self.shared.gate.account(&key, &secret).map(|caller| caller.0);
                let status = if self.account.is_some() { "authorized" } else { "unauthorized" };
                told("authorization", &json!({"action": "authenticate", "status": status}))
            }
            Ok(Said::Listen { data }) => {
                let wants = self.account.is_some() && data.streams.iter().any(|s| s == UPDATES);
                self.updates = wants.then(|| self.shared.hub().listen());
                let streams: &[&str] = if wants { &[UPDATES] } else { &[] };
                told("listening", &json!({ "streams": streams }))
            }
            Err(error) => told("error", &json!({"error": error.to_string()})),
        };
        self.socket.send(Message::binary(answer)).await
    }
}

fn told(stream: &str, data: &Value) -> String {
    json!({"stream": stream, "data": data}).to_string()
}

/// The next update; waits for ever where nothing is listened to. None: too many were missed.
async fn next(updates: &mut Option<Receiver<Update>>) -> Option<Update> {
    match updates {
        Some(updates) => updates.recv().await.ok(),
        None => std::future::pending().await,
    }
}
