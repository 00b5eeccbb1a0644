//! The stream of trade updates as a client sees it.

use crate::support::{manual, start};
use bracketd_exchange::ExchangeHandle;
use serde_json::{Value, json};
use std::net::TcpStream;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

struct Listener(WebSocket<MaybeTlsStream<TcpStream>>);

impl Listener {
    fn connect(exchange: &ExchangeHandle) -> Self {
        let url = exchange.url().replacen("http", "ws", 1);
        Self(tungstenite::connect(format!("{url}/stream")).unwrap().0)
    }

    fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    /// The next message; the broker's paper account sends binary frames.
    fn hear(&mut self) -> Value {
        let message = self.0.read().unwrap();
        assert!(message.is_binary(), "{message:?}");
        serde_json::from_slice(&message.into_data()).unwrap()
    }

    fn listen(exchange: &ExchangeHandle, key: &str) -> Self {
        let mut listener = Self::connect(exchange);
        listener.say(&json!({"action": "auth", "key": key, "secret": "secret"}));
        assert_eq!(listener.hear()["data"]["status"], "authorized");
        let wanted = json!({"streams": ["trade_updates"]});
        listener.say(&json!({"action": "listen", "data": wanted}));
        assert_eq!(listener.hear(), json!({"stream": "listening", "data": wanted}));
        listener
    }

    /// Event, order id and status of the next update.
    fn update(&mut self) -> [String; 3] {
        let message = self.hear();
        assert_eq!(message["stream"], "trade_updates", "{message}");
        let data = &message["data"];
        [&data["event"], &data["order"]["id"], &data["order"]["status"]]
            .map(|text| text.as_str().unwrap().to_owned())
    }
}

#[test]
fn a_listener_is_told_what_happens_to_the_orders_of_his_account() {
    let (exchange, client) = start(&manual());
    client.quote("ACME", "99", "100");
    let mut mine = Listener::listen(&exchange, "longs");
    let mut other = Listener::listen(&exchange, "shorts");
    let bought = client.buy("ACME", 10.0);
    let id = bought["id"].as_str().unwrap();
    assert_eq!(mine.update(), ["new", id, "filled"]);
    let fill = mine.hear();
    let data = &fill["data"];
    let told = [&data["event"], &data["qty"], &data["price"], &data["position_qty"]];
    assert_eq!(told.map(|v| v.as_str().unwrap()), ["fill", "10", "100", "10"]);
    let fills = client.get("/v2/account/activities/FILL");
    let activity = fills[0]["id"].as_str().unwrap();
    assert!(activity.ends_with(data["execution_id"].as_str().unwrap()), "{activity}");

    let limit = json!({"symbol": "ACME", "qty": "10", "side": "sell", "type": "limit",
                       "time_in_force": "gtc", "limit_price": "120"});
    let first = client.post("/v2/orders", &limit);
    assert_eq!(mine.update(), ["new", first["id"].as_str().unwrap(), "new"]);
    let path = format!("/v2/orders/{}", first["id"].as_str().unwrap());
    let second = client.call("PATCH", &path, &json!({"limit_price": "121"})).body;
    let replaced: Vec<_> = (0..2).map(|_| mine.update()).collect();
    let [old, new] = [&first["id"], &second["id"]].map(|id| id.as_str().unwrap().to_owned());
    let event = |event: &str, id: &str| replaced.iter().any(|u| u[0] == event && u[1] == id);
    assert!(event("replaced", &old) && event("new", &new), "{replaced:?}");
    client.call("DELETE", &format!("/v2/orders/{new}"), &Value::Null);
    assert_eq!(mine.update(), ["canceled", &new, "canceled"]);

    // The other account was told nothing of it: its first update is its own.
    let theirs = crate::support::Client::new(&exchange, "shorts").buy("ACME", 1.0);
    assert_eq!(other.update()[1], theirs["id"].as_str().unwrap());
}

#[test]
fn nobody_listens_without_a_key() {
    let (exchange, _client) = start(&manual());
    let mut listener = Listener::connect(&exchange);
    listener.say(&json!({"action": "auth", "key": "longs", "secret": "wrong"}));
    assert_eq!(listener.hear()["data"]["status"], "unauthorized");
    listener.say(&json!({"action": "listen", "data": {"streams": ["trade_updates"]}}));
    assert_eq!(listener.hear()["data"], json!({"streams": []}));
    listener.say(&json!({"action": "dance"}));
    assert_eq!(listener.hear()["stream"], "error");
}
