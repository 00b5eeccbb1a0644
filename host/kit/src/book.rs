//! The broker's own book: what was ordered, what was filled, what rests. The judge of every row.
//!
//! Apart because it believes nothing that a plugin or the host says.

use std::collections::BTreeMap;

use bracketd_core::Decimal;
use serde_json::Value;

/// The book of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    /// Oldest first.
    pub(crate) orders: Vec<Order>,
    /// Oldest first.
    pub(crate) fills: Vec<Fill>,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) client_id: Option<String>,
    pub(crate) symbol: String,
    pub(crate) is_buy: bool,
    pub(crate) kind: String,
    pub(crate) quantity: Decimal,
    pub(crate) filled: Decimal,
    pub(crate) limit: Option<Decimal>,
    pub(crate) stop: Option<Decimal>,
    pub(crate) is_live: bool,
    /// The broker's own word.
    pub(crate) status: String,
}

/// One execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) id: String,
    pub(crate) order: String,
    pub(crate) symbol: String,
    pub(crate) is_buy: bool,
    pub(crate) quantity: Decimal,
    pub(crate) price: Decimal,
}

impl Book {
    /// Reads the answer of `GET /admin/book`.
    pub(crate) fn read(told: &Value) -> Result<Self, String> {
        let list = |name: &str| {
            told.get(name).and_then(Value::as_array).ok_or_else(|| format!("`{name}` is no list"))
        };
        Ok(Self {
            orders: list("orders")?.iter().map(order).collect::<Result<_, _>>()?,
            fills: list("fills")?.iter().map(fill).collect::<Result<_, _>>()?,
        })
    }

    /// Bought less sold.
    pub(crate) fn position(&self, symbol: &str) -> Decimal {
        self.fills.iter().filter(|fill| fill.symbol == symbol).map(Fill::signed).sum()
    }

    /// The order with that id of ours.
    pub(crate) fn by_client(&self, client_id: &str) -> Option<&Order> {
        self.orders.iter().find(|order| order.client_id.as_deref() == Some(client_id))
    }

    /// The order with the broker's id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Order> {
        self.orders.iter().find(|order| order.id == id)
    }

    /// What rests of a symbol.
    pub(crate) fn live(&self, symbol: &str) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(move |order| order.is_live && order.symbol == symbol)
    }

    /// Resting orders to sell of that kind: what is left of each, with its price.
    pub(crate) fn exits(&self, symbol: &str, kind: &str) -> Vec<(Decimal, Decimal)> {
        let of_kind = self.live(symbol).filter(|order| !order.is_buy && order.kind == kind);
        of_kind.map(|o| (o.left(), o.stop.or(o.limit).unwrap_or_default().normalize())).collect()
    }

    /// What rests and what came of every order, to see whether anything changed.
    pub(crate) fn effects(&self) -> Vec<(String, bool, Decimal, Decimal, Option<Decimal>)> {
        let effect =
            |o: &Order| (o.id.clone(), o.is_live, o.quantity, o.filled, o.stop.or(o.limit));
        self.orders.iter().map(effect).collect()
    }

    /// What must never be in any book of one long position: an id of ours on two orders, an
    /// execution twice, more sold than was held, exits for more than is held.
    pub(crate) fn crimes(&self, symbol: &str) -> Option<String> {
        let mut ids = BTreeMap::new();
        for id in self.orders.iter().filter_map(|order| order.client_id.as_ref()) {
            *ids.entry(id).or_insert(0_usize) += 1;
        }
        if let Some((id, count)) = ids.iter().find(|(_, count)| **count > 1) {
            return Some(format!("{count} orders with the client id {id}"));
        }
        let mut held = Decimal::ZERO;
        for fill in self.fills.iter().filter(|fill| fill.symbol == symbol) {
            held += fill.signed();
            if held < Decimal::ZERO {
                return Some(format!("sold {} more than was held", -held));
            }
        }
        let over = |kind: &str| self.exits(symbol, kind).iter().map(|(left, _)| *left).sum();
        [("stop", over("stop")), ("limit", over("limit")), ("market", over("market"))]
            .into_iter()
            .find(|(_, sum): &(&str, Decimal)| *sum > held && held > Decimal::ZERO)
            .map(|(kind, sum)| format!("{kind} exits for {sum} rest, {held} is held"))
    }

    /// The orders of a symbol in a line each, for people.
    pub(crate) fn shown(&self, symbol: &str) -> String {
        let of_symbol = self.orders.iter().filter(|order| order.symbol == symbol);
        let lines: Vec<String> = of_symbol.map(Order::shown).collect();
        match lines.is_empty() {
            true => "no orders".to_owned(),
            false => lines.join("; "),
        }
    }
}

impl Order {
    /// Not filled yet.
    pub(crate) fn left(&self) -> Decimal {
        (self.quantity - self.filled).normalize()
    }

    /// In a few words.
    pub(crate) fn shown(&self) -> String {
        let side = if self.is_buy { "buy" } else { "sell" };
        let at = self.stop.or(self.limit).map_or(String::new(), |price| format!(" @ {price}"));
        let (kind, status) = (&self.kind, &self.status);
        format!("{side} {kind} {}/{}{at} {status}", self.filled, self.quantity)
    }
}

impl Fill {
    fn signed(&self) -> Decimal {
        if self.is_buy { self.quantity } else { -self.quantity }
    }
}

fn order(told: &Value) -> Result<Order, String> {
    Ok(Order {
        id: text(told, "id")?,
        client_id: told.get("client_id").and_then(Value::as_str).map(str::to_owned),
        symbol: text(told, "symbol")?,
        is_buy: is_buy(told)?,
        kind: text(told, "kind")?,
        quantity: number(told, "qty")?,
        filled: number(told, "filled")?,
        limit: number_or_none(told, "limit")?,
        stop: number_or_none(told, "stop")?,
        is_live: told
            .get("live")
            .and_then(Value::as_bool)
            .ok_or("an order's `live` is neither true nor false")?,
        status: text(told, "status")?,
    })
}

fn fill(told: &Value) -> Result<Fill, String> {
    Ok(Fill {
        id: text(told, "id")?,
        order: text(told, "order")?,
        symbol: text(told, "symbol")?,
        is_buy: is_buy(told)?,
        quantity: number(told, "qty")?,
        price: number(told, "price")?,
    })
}

fn text(told: &Value, name: &str) -> Result<String, String> {
    let text = told.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| format!("`{name}` is no text in {told}"))
}

fn is_buy(told: &Value) -> Result<bool, String> {
    match text(told, "side")?.as_str() {
        "buy" => Ok(true),
        "sell" => Ok(false),
        other => Err(format!("`side` is {other}, expected buy or sell")),
    }
}

fn number(told: &Value, name: &str) -> Result<Decimal, String> {
    number_or_none(told, name)?.ok_or_else(|| format!("`{name}` is missing in {told}"))
}

/// Numbers are text, so that none is rounded on the way; whole ones may be JSON numbers.
fn number_or_none(told: &Value, name: &str) -> Result<Option<Decimal>, String> {
    let text = match told.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let number = Decimal::from_str_exact(&text);
    number
        .map(|number| Some(number.normalize()))
        .map_err(|why| format!("`{name}` is {text}: {why}"))
}
