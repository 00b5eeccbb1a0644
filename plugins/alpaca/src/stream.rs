//! Alpaca's stream of trade updates ("Websocket Streaming" in its documentation): what is sent to
//! begin it, and what each message tells. Separate from reads because a message shows one order
//! without its family; it must never call an order protection that only its family could tell from
//! one that protects nothing.

use bracketd_plugin_sdk::fault::detail;
use bracketd_plugin_sdk::streams::{Event, Frame, Socket, Step};
use bracketd_plugin_sdk::types::{Fault, Link, Order, OrderState};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::{KEY_ID, SECRET_KEY};
use crate::config::Config;
use crate::orders::page;
use crate::status::is_over;
use crate::wire;

/// The one stream there is.
const UPDATES: &str = "trade_updates";
/// Longest part of a message that is shown, in characters.
const SHOWN_MAX: usize = 120;

/// The data stays text until its stream is known: numbers in it are read from their digits.
#[derive(serde::Deserialize)]
struct Message<'a> {
    stream: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(serde::Deserialize)]
struct Update {
    order: wire::Order,
}

/// The socket of an account.
#[must_use]
pub fn sockets(config: &Config) -> Vec<Socket> {
    let auth = json!({"action": "auth", "key": KEY_ID, "secret": SECRET_KEY});
    vec![Socket {
        name: UPDATES.to_owned(),
        url: config.stream.clone(),
        headers: Vec::new(),
        hello: vec![frame(&auth)],
        tick_ms: None,
    }]
}

/// Nothing to tell, nothing to send.
#[must_use]
pub const fn nothing() -> Step {
    Step { events: Vec::new(), send: Vec::new(), resync: false }
}

/// What a message tells. Alpaca sends JSON in text frames and in binary ones.
///
/// # Errors
/// `auth` when the broker does not know the key, `rejected` when it does not stream.
pub fn step(message: &[u8]) -> Result<Step, Fault> {
    let Ok(Message { stream, data }) = serde_json::from_slice::<Message<'_>>(message) else {
        return Ok(unread(message));
    };
    if stream == UPDATES {
        return Ok(match serde_json::from_str::<Update>(data.get()) {
            Ok(update) => Step { events: events(&update.order), ..nothing() },
            Err(_) => unread(message),
        });
    }
    let data: Value = serde_json::from_str(data.get()).unwrap_or_default();
    match stream.as_str() {
        "authorization" if data["status"] == "authorized" => {
            let listen = json!({"action": "listen", "data": {"streams": [UPDATES]}});
            Ok(Step { send: vec![frame(&listen)], ..nothing() })
        }
        "authorization" => Err(Fault::Auth(detail("AUTH", said(&data)))),
        "listening" => {
            let names = data["streams"].as_array().into_iter().flatten();
            match names.into_iter().any(|name| name == UPDATES) {
                // What happened before it is not told.
                true => Ok(Step { resync: true, ..nothing() }),
                false => Err(Fault::Rejected(detail("NOT_STREAMED", said(&data)))),
            }
        }
        _ => Ok(unread(message)),
    }
}

/// The order of an update, where it can be told without its family: one that is over, or has
/// traded, or has no entry above it. The next poll tells the others.
fn events(order: &wire::Order) -> Vec<Event> {
    let told = page(std::slice::from_ref(order)).into_iter().filter(is_plain);
    told.map(Event::OrderUpdate).collect()
}

fn is_plain(order: &Order) -> bool {
    let is_alone = match order.link {
        Link::Alone => true,
        // `held` behind a sibling, or behind an entry: the message does not say.
        Link::Oco => order.raw_state != "held",
        Link::Bracket | Link::Oto | Link::Trade | Link::Other => false,
    };
    is_alone || is_over(order.state) || order.state == OrderState::PartiallyFilled
}

fn frame(message: &Value) -> Frame {
    Frame { binary: false, data: message.to_string().into_bytes() }
}

fn unread(message: &[u8]) -> Step {
    let text = String::from_utf8_lossy(message);
    Step { events: vec![Event::Unread(text.chars().take(SHOWN_MAX).collect())], ..nothing() }
}

fn said(data: &Value) -> String {
    data.to_string().chars().take(SHOWN_MAX).collect()
}
