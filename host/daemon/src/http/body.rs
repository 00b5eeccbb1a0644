//! Bodies of the writes as they are sent, and what they mean.
//!
//! Apart so that the text of a price becomes a price in one place. Unknown fields are refused: a
//! misspelt `stop` must not be taken for "no stop wanted".

use std::path::PathBuf;

use axum::body::Bytes;
use axum::http::StatusCode;
use bracketd_core::Decimal;
use bracketd_core::control::KillLevel;
use bracketd_core::ids::{BrokerOrderId, OpId, OwnerName, PolicyName, TransactionId};
use bracketd_core::intent::{Adopt, GuardWish, Intent, Open, Resolution, Wish};
use bracketd_core::ladder::RungWish;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Direction;
use bracketd_core::transaction::EntryKind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::problem::Problem;
use crate::view::words;

/// Longest reason that is kept.
const WHY_MAX: usize = 500;

/// A new transaction.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenBody {
    account: String,
    owner: Option<String>,
    symbol: String,
    direction: String,
    quantity: String,
    /// Left out, the entry goes at the market.
    limit: Option<String>,
    time_in_force: Option<String>,
    stop: Option<String>,
    target: Option<String>,
    policies: Option<Vec<String>>,
    on_partial: Option<String>,
    guard: Option<String>,
    /// Meant even where an equal entry was made a moment ago.
    #[serde(default)]
    distinct: bool,
    #[serde(default)]
    pub(super) why: String,
}

/// What becomes of stop and target: left out stays, null clears, a text sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProtectionBody {
    #[serde(default, deserialize_with = "present")]
    stop: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    target: Option<Option<String>>,
    #[serde(default)]
    pub(super) why: String,
    pub(super) if_version: Option<u64>,
}

/// A ladder of partial targets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LadderBody {
    rungs: Vec<RungBody>,
    #[serde(default)]
    pub(super) why: String,
    pub(super) if_version: Option<u64>,
}

/// One rung.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RungBody {
    /// Of the whole quantity, such as "0.5".
    share: String,
    target: String,
}

/// A close, or the cancel of an entry.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlainBody {
    #[serde(default)]
    pub(super) why: String,
    pub(super) if_version: Option<u64>,
}

/// What is to be held afterwards.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuantityBody {
    quantity: String,
    #[serde(default)]
    pub(super) why: String,
    pub(super) if_version: Option<u64>,
}

/// A lock or its end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockBody {
    leg: String,
    locked: bool,
    #[serde(default)]
    pub(super) why: String,
}

/// What a person found out about a command whose outcome is unknown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResolveBody {
    op: String,
    /// The broker's id of the order that is its effect; left out, it never took effect.
    order: Option<String>,
    pub(super) evidence: String,
}

/// A position that somebody else made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdoptBody {
    account: String,
    symbol: String,
    direction: String,
    quantity: String,
    #[serde(default)]
    orders: Vec<String>,
    stop: Option<String>,
    target: Option<String>,
    policies: Option<Vec<String>>,
    #[serde(default)]
    pub(super) why: String,
}

/// A frozen policy to be asked again.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThawBody {
    /// The transaction; left out, every one.
    pub(super) transaction: Option<u64>,
    #[serde(default)]
    pub(super) why: String,
}

/// A kill switch to set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KillBody {
    level: String,
    /// Left out, the whole daemon.
    pub(super) account: Option<String>,
    pub(super) why: String,
    /// For flatten: the account's name, or "all".
    pub(super) confirm: Option<String>,
    #[serde(default)]
    pub(super) reset_baseline: bool,
}

/// An audited act about an account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonBody {
    pub(super) why: String,
}

/// An instrument of an account, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SymbolBody {
    pub(super) symbol: String,
    pub(super) why: String,
}

/// Which plugin an account shall run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginBody {
    /// Its file on the daemon's machine; left out, the one that the configuration names now.
    pub(super) file: Option<PathBuf>,
    /// It may answer otherwise than the one that runs, or do less.
    #[serde(default)]
    pub(super) accept_differences: bool,
    /// It may do what the one that runs cannot.
    #[serde(default)]
    pub(super) accept_more: bool,
}

/// Reads a body as JSON.
pub(super) fn parse<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_BODY", format!("the body: {error}"))
            .hint("decimal numbers are strings; misspelt fields are refused, not ignored")
    })
}

/// The same, where nothing at all may be sent.
pub(super) fn parse_or_default<T>(bytes: &Bytes) -> Result<T, Problem>
where
    T: DeserializeOwned + Default,
{
    if bytes.is_empty() { Ok(T::default()) } else { parse(bytes) }
}

/// A reason within bounds.
pub(super) fn why(text: String) -> Result<String, Problem> {
    if text.len() > WHY_MAX || text.chars().any(char::is_control) {
        let detail = format!("a reason is one line of at most {WHY_MAX} bytes");
        return Err(Problem::bad_value("why", detail));
    }
    Ok(text)
}

impl OpenBody {
    /// The intent it means.
    pub(super) fn intent(&self) -> Result<Intent, Problem> {
        let entry = match &self.limit {
            Some(limit) => EntryKind::Limit(price("limit", limit)?),
            None => EntryKind::Market,
        };
        let word = |field: &'static str, word: &str, all: &str| {
            Problem::bad_value(field, format!("\"{word}\" is not one of: {all}"))
        };
        let direction = direction(&self.direction)?;
        let time_in_force = optional(self.time_in_force.as_deref(), |text| {
            words::parse_time_in_force(text)
                .ok_or_else(|| word("time_in_force", text, "day, gtc, ioc, fok"))
        })?;
        let on_partial = optional(self.on_partial.as_deref(), |text| {
            words::parse_on_partial(text)
                .ok_or_else(|| word("on_partial", text, "cancel_rest, oco, wait"))
        })?;
        let guard = optional(self.guard.as_deref(), |text| {
            words::parse_guard(text).ok_or_else(|| word("guard", text, "native, plain"))
        })?;
        Ok(Intent::Open(Box::new(Open {
            account: self.account.as_str().into(),
            owner: self.owner.as_deref().map(OwnerName::new),
            symbol: self.symbol.as_str().into(),
            direction,
            quantity: quantity(&self.quantity)?,
            entry,
            time_in_force,
            stop: optional(self.stop.as_deref(), |text| price("stop", text))?,
            target: optional(self.target.as_deref(), |text| price("target", text))?,
            policies: policies(self.policies.as_deref()),
            on_partial,
            guard: guard.unwrap_or(GuardWish::Native),
            distinct: self.distinct,
        })))
    }
}

impl KillBody {
    /// The level it names.
    pub(super) fn level(&self) -> Result<KillLevel, Problem> {
        KillLevel::parse(&self.level).ok_or_else(|| {
            let all: Vec<&str> = KillLevel::ALL.iter().map(|level| level.as_str()).collect();
            let detail = format!("\"{}\" is not one of: {}", self.level, all.join(", "));
            Problem::bad_value("level", detail)
        })
    }
}

impl ProtectionBody {
    /// The intent it means.
    pub(super) fn intent(&self, transaction: TransactionId) -> Result<Intent, Problem> {
        if self.stop.is_none() && self.target.is_none() {
            let detail = "neither stop nor target is named, so there is nothing to do";
            return Err(Problem::bad_value("stop", detail));
        }
        Ok(Intent::Protect {
            transaction,
            stop: wish("stop", self.stop.as_ref())?,
            target: wish("target", self.target.as_ref())?,
        })
    }
}

impl LadderBody {
    /// The intent it means.
    pub(super) fn intent(&self, transaction: TransactionId) -> Result<Intent, Problem> {
        let rung = |rung: &RungBody| {
            Ok(RungWish { share: share(&rung.share)?, target: price("target", &rung.target)? })
        };
        let rungs = self.rungs.iter().map(rung).collect::<Result<_, Problem>>()?;
        Ok(Intent::Ladder { transaction, rungs })
    }
}

impl QuantityBody {
    /// The intent it means.
    pub(super) fn intent(&self, transaction: TransactionId) -> Result<Intent, Problem> {
        Ok(Intent::Resize { transaction, quantity: quantity(&self.quantity)? })
    }
}

impl LockBody {
    /// The intent it means.
    pub(super) fn intent(&self, transaction: TransactionId) -> Result<Intent, Problem> {
        let leg = words::parse_leg(&self.leg).ok_or_else(|| {
            Problem::bad_value("leg", format!("\"{}\" is not one of: stop, target", self.leg))
        })?;
        Ok(Intent::Lock { transaction, leg, locked: self.locked })
    }
}

impl ResolveBody {
    /// The intent it means.
    pub(super) fn intent(&self, transaction: TransactionId) -> Intent {
        let found = match &self.order {
            None => Resolution::Absent,
            Some(order) => Resolution::Order(BrokerOrderId::new(order)),
        };
        Intent::Resolve { transaction, op: OpId::new(&self.op), found }
    }
}

impl AdoptBody {
    /// The intent it means.
    pub(super) fn intent(&self) -> Result<Intent, Problem> {
        Ok(Intent::Adopt(Box::new(Adopt {
            account: self.account.as_str().into(),
            symbol: self.symbol.as_str().into(),
            direction: direction(&self.direction)?,
            quantity: quantity(&self.quantity)?,
            orders: self.orders.iter().map(|id| BrokerOrderId::new(id)).collect(),
            stop: optional(self.stop.as_deref(), |text| price("stop", text))?,
            target: optional(self.target.as_deref(), |text| price("target", text))?,
            policies: policies(self.policies.as_deref()),
        })))
    }
}

fn direction(text: &str) -> Result<Direction, Problem> {
    words::parse_direction(text).ok_or_else(|| {
        Problem::bad_value("direction", format!("\"{text}\" is not one of: long, short"))
    })
}

fn policies(names: Option<&[String]>) -> Option<Vec<PolicyName>> {
    names.map(|names| names.iter().map(|name| PolicyName::new(name)).collect())
}

fn wish(field: &str, sent: Option<&Option<String>>) -> Result<Wish, Problem> {
    match sent {
        None => Ok(Wish::Keep),
        Some(None) => Ok(Wish::Clear),
        Some(Some(text)) => price(field, text).map(Wish::Set),
    }
}

fn price(field: &str, text: &str) -> Result<Price, Problem> {
    let value = Decimal::from_str_exact(text).ok().and_then(Price::new);
    value.ok_or_else(|| Problem::bad_value(field, format!("\"{text}\" is not a price above zero")))
}

fn share(text: &str) -> Result<Decimal, Problem> {
    let value = Decimal::from_str_exact(text).ok();
    value.ok_or_else(|| {
        Problem::bad_value("share", format!("\"{text}\" is not a share such as \"0.5\""))
    })
}

fn quantity(text: &str) -> Result<Quantity, Problem> {
    let value = Decimal::from_str_exact(text).ok().and_then(Quantity::new);
    value.ok_or_else(|| {
        Problem::bad_value("quantity", format!("\"{text}\" is not a quantity of zero or more"))
    })
}

fn optional<T>(
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, Problem>,
) -> Result<Option<T>, Problem> {
    text.map(parse).transpose()
}

fn present<'de, D>(deserializer: D) -> Result<Option<Option<String>>, D::Error>
where
    D: Deserializer<'de>,
{
    Option::<String>::deserialize(deserializer).map(Some)
}
