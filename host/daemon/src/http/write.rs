//! The writes of the API: each becomes one request to the gate, by a person.
//!
//! Apart from the reads because these can move orders. Nothing is decided here; the answer says
//! what truly happened, and `Prefer: wait=N` waits until the legs work.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Intent, Outcome, Request, Source, Verdict};
use bracketd_core::money::Quantity;
use bracketd_core::order::Leg;
use bracketd_core::transaction::{Transaction, TransactionStatus};
use serde_json::json;
use tokio::time::Instant;

use super::App;
use super::body::{
    self, AdoptBody, LadderBody, LockBody, OpenBody, PlainBody, ProtectionBody, QuantityBody,
    ResolveBody,
};
use super::problem::{Answer, Problem};
use super::read::parse_id;
use crate::message::Seen;
use crate::view;
use crate::view::transaction::{LegState, leg_state};

/// Longest wait that may be asked for.
const WAIT_MAX_S: u64 = 60;
/// Pause between two looks while waiting.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// Longest name of an actor.
const ACTOR_MAX: usize = 32;

/// `POST /api/v1/transactions`.
pub(super) async fn open(State(app): State<App>, headers: HeaderMap, bytes: Bytes) -> Answer {
    let body: OpenBody = body::parse(&bytes)?;
    let intent = body.intent()?;
    run(&app, &headers, intent, body.why, None).await
}

/// `POST /api/v1/transactions/{id}/protection`.
pub(super) async fn protection(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: ProtectionBody = body::parse(&bytes)?;
    let intent = body.intent(parse_id(&id)?)?;
    run(&app, &headers, intent, body.why, body.if_version).await
}

/// `POST /api/v1/transactions/{id}/ladder`.
pub(super) async fn ladder(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: LadderBody = body::parse(&bytes)?;
    let intent = body.intent(parse_id(&id)?)?;
    run(&app, &headers, intent, body.why, body.if_version).await
}

/// `POST /api/v1/transactions/{id}/close`.
pub(super) async fn close(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: PlainBody = body::parse_or_default(&bytes)?;
    let intent = Intent::Close { transaction: parse_id(&id)? };
    run(&app, &headers, intent, body.why, body.if_version).await
}

/// `POST /api/v1/transactions/{id}/cancel-entry`.
pub(super) async fn cancel_entry(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: PlainBody = body::parse_or_default(&bytes)?;
    let intent = Intent::CancelEntry { transaction: parse_id(&id)? };
    run(&app, &headers, intent, body.why, body.if_version).await
}

/// `POST /api/v1/transactions/{id}/quantity`.
pub(super) async fn quantity(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: QuantityBody = body::parse(&bytes)?;
    let intent = body.intent(parse_id(&id)?)?;
    run(&app, &headers, intent, body.why, body.if_version).await
}

/// `POST /api/v1/transactions/{id}/locks`.
pub(super) async fn locks(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: LockBody = body::parse(&bytes)?;
    let intent = body.intent(parse_id(&id)?)?;
    run(&app, &headers, intent, body.why, None).await
}

/// `POST /api/v1/transactions/{id}/clear-trail`.
pub(super) async fn clear_trail(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let intent = Intent::Trail { transaction: parse_id(&id)?, terms: None };
    ended(&app, &headers, intent, &bytes).await
}

/// `POST /api/v1/transactions/{id}/clear-time-limit`.
pub(super) async fn clear_time_limit(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let intent = Intent::ClearTimeLimit { transaction: parse_id(&id)? };
    ended(&app, &headers, intent, &bytes).await
}

/// `POST /api/v1/transactions/{id}/reviewed`.
pub(super) async fn reviewed(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let intent = Intent::Review { transaction: parse_id(&id)?, asked: false };
    ended(&app, &headers, intent, &bytes).await
}

/// The end of something that the host did by itself.
async fn ended(app: &App, headers: &HeaderMap, intent: Intent, bytes: &Bytes) -> Answer {
    let body: PlainBody = body::parse_or_default(bytes)?;
    run(app, headers, intent, body.why, body.if_version).await
}

/// `POST /api/v1/transactions/{id}/resolve`.
pub(super) async fn resolve(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: ResolveBody = body::parse(&bytes)?;
    let intent = body.intent(parse_id(&id)?);
    run(&app, &headers, intent, body.evidence, None).await
}

/// `POST /api/v1/adoptions`.
pub(super) async fn adopt(State(app): State<App>, headers: HeaderMap, bytes: Bytes) -> Answer {
    let body: AdoptBody = body::parse(&bytes)?;
    let intent = body.intent()?;
    run(&app, &headers, intent, body.why, None).await
}

/// `POST /api/v1/policies/reload`.
pub(super) async fn reload(State(app): State<App>) -> Answer {
    let reloaded = app.engine.reload().await?;
    Ok(Json(view::reloaded(&reloaded)).into_response())
}

/// What must be so once everything is settled: a close that the broker rejected settles too, with
/// the position protected again.
#[derive(Clone, Copy, Debug)]
enum Goal {
    /// The legs rest as wanted.
    Legs,
    /// It has ended.
    Ended,
    /// This is held.
    Held(Quantity),
    /// No entry rests.
    NoEntry,
}

impl Goal {
    fn of(intent: &Intent) -> Self {
        match intent {
            Intent::Close { .. } => Self::Ended,
            Intent::Resize { quantity, .. } => Self::Held(*quantity),
            Intent::CancelEntry { .. } => Self::NoEntry,
            Intent::Open(_)
            | Intent::Adopt(_)
            | Intent::Resolve { .. }
            | Intent::Protect { .. }
            | Intent::Ratchet { .. }
            | Intent::Lock { .. }
            | Intent::Trail { .. }
            | Intent::Barriers { .. }
            | Intent::ClearTimeLimit { .. }
            | Intent::Review { .. }
            | Intent::Ladder { .. }
            | Intent::LockSymbol { .. }
            | Intent::Arm { .. }
            | Intent::Kill { .. } => Self::Legs,
        }
    }

    fn is_reached(self, tx: &Transaction) -> bool {
        match self {
            Self::Legs => tx.status != TransactionStatus::Failed,
            Self::Ended => tx.status.is_ended(),
            Self::Held(quantity) => tx.held() == quantity,
            Self::NoEntry => tx.entry.ended,
        }
    }
}

async fn run(
    app: &App,
    headers: &HeaderMap,
    intent: Intent,
    why: String,
    if_version: Option<u64>,
) -> Answer {
    let is_open = matches!(intent, Intent::Open(_) | Intent::Adopt(_));
    let goal = Goal::of(&intent);
    let wait = wait_wanted(headers)?;
    let source = Source::Manual(actor(headers)?);
    let why = body::why(why)?;
    let request = Request { intent, source, why, if_version, inputs: String::new() };
    let verdict = app.engine.request(request).await?;
    if let Outcome::Refused(refusal) = verdict.outcome {
        return Err(Problem::refused(refusal, &verdict));
    }
    let Some((time, id)) = wait.zip(verdict.transaction) else {
        return Ok(accepted(&verdict, None, goal, is_open));
    };
    let is_awaited = match verdict.outcome {
        Outcome::Staged => true,
        Outcome::Unchanged => !is_at_rest(app, id).await,
        Outcome::Stored | Outcome::Held | Outcome::Refused(_) => false,
    };
    if !is_awaited {
        return Ok(accepted(&verdict, None, goal, is_open));
    }
    let until = Instant::now() + time;
    let seen = loop {
        // The request is accepted already: a look that fails must not read as a refusal.
        let Ok(Some(seen)) = app.engine.transaction(id).await else { break None };
        if is_settled(&seen) || is_rejected(&seen) || Instant::now() >= until {
            break Some(seen);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    };
    Ok(accepted(&verdict, Some(seen.as_ref()), goal, is_open))
}

/// Whether nothing of the transaction is surely on its way: what is so already may still be going on.
async fn is_at_rest(app: &App, id: TransactionId) -> bool {
    let Ok(Some(seen)) = app.engine.transaction(id).await else { return false };
    let tx = &seen.transaction;
    let goes_on = tx.task.is_some() || tx.ops.iter().any(|op| !op.state.is_settled());
    tx.status.is_ended() || !goes_on
}

/// `waited` is what was seen last, where somebody waited; a look may have failed.
fn accepted(
    verdict: &Verdict,
    waited: Option<Option<&Seen>>,
    goal: Goal,
    is_open: bool,
) -> Response {
    let is_reached = |seen: &Seen| is_settled(seen) && goal.is_reached(&seen.transaction);
    let is_done = match waited {
        Some(seen) => seen.is_some_and(is_reached),
        None => verdict.outcome != Outcome::Staged,
    };
    let status = match (is_open, is_done) {
        (true, _) => StatusCode::CREATED,
        (false, true) => StatusCode::OK,
        (false, false) => StatusCode::ACCEPTED,
    };
    let id = verdict.transaction.map(|id| id.to_string());
    let body = json!({
        "outcome": verdict.code(),
        "message": verdict.message,
        "transaction": id,
        "version": verdict.version,
        "waited": waited.map(|seen| json!({
            "settled": seen.is_some_and(is_settled),
            "reached": seen.is_some_and(is_reached),
            "transaction": seen.map(view::transaction::full),
        })),
    });
    let mut response = (status, Json(body)).into_response();
    let location = id.filter(|_| is_open).map(|id| format!("/api/v1/transactions/{id}"));
    if let Some(value) = location.and_then(|path| HeaderValue::from_str(&path).ok()) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// Whether nothing is under way for the transaction: both legs rest as wanted, every command is
/// settled, and no close, resize or cancel runs.
fn is_settled(seen: &Seen) -> bool {
    let tx = &seen.transaction;
    let is_canceling = tx.entry.cancel_asked && !tx.entry.ended;
    let is_quiet =
        tx.task.is_none() && !is_canceling && tx.ops.iter().all(|o| o.state.is_settled());
    let legs = [Leg::Stop, Leg::Target];
    tx.status.is_ended() || (is_quiet && legs.iter().all(|leg| leg_state(tx, *leg).is_done()))
}

/// Whether the broker said no to a leg as it is wanted now; waiting on would not help.
fn is_rejected(seen: &Seen) -> bool {
    let legs = [Leg::Stop, Leg::Target];
    legs.iter().any(|leg| leg_state(&seen.transaction, *leg) == LegState::Rejected)
}

/// `Prefer: wait=N` in seconds (RFC 7240); other preferences are not ours.
fn wait_wanted(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let all = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let wait = all.flat_map(|value| value.split(',')).find_map(|one| {
        let (name, value) = one.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().to_owned())
    });
    let Some(text) = wait else { return Ok(None) };
    match text.parse() {
        Ok(seconds) if seconds <= WAIT_MAX_S => Ok(Some(Duration::from_secs(seconds))),
        _ => {
            let detail = format!("wait=\"{text}\" is not a number of seconds up to {WAIT_MAX_S}");
            Err(Problem::bad_value("Prefer", detail))
        }
    }
}

/// Who asks, as the client names itself; the token, not this name, is what lets it in.
pub(super) fn actor(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(value) = headers.get("bracketd-actor") else { return Ok("api".to_owned()) };
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
    match value.to_str() {
        Ok(name) if !name.is_empty() && name.len() <= ACTOR_MAX && name.chars().all(fits) => {
            Ok(name.to_owned())
        }
        _ => {
            let detail = format!("a name has 1 to {ACTOR_MAX} of a-z, A-Z, 0-9 and _ . @ -");
            Err(Problem::bad_value("Bracketd-Actor", detail))
        }
    }
}
