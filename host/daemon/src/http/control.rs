//! Kill switch and accounts over the API: arming, disarming, comparing with the broker.
//!
//! Apart from the writes about a transaction because these hold for many. Each act is one request
//! to the gate by a person; only a reason and, for flatten, an explicit word are asked for here.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use bracketd_account::Terms;
use bracketd_core::control::KillLevel;
use bracketd_core::ids::{AccountName, Symbol};
use bracketd_core::intent::{Intent, Outcome, Request, Source};
use bracketd_core::refusal::Refusal;
use serde_json::json;

use super::App;
use super::ask::mismatch;
use super::body::{self, KillBody, PluginBody, ReasonBody, SymbolBody};
use super::problem::{Answer, Problem};
use super::write::actor;
use crate::message::{AccountDetail, Compared, PluginWish, Query, Reply};
use crate::view;

/// How often a file KILL that is gone is asked for, and the time in between.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What confirms a flatten of the whole daemon; for one account it is the account's name.
pub const CONFIRM_ALL: &str = "all";

/// `POST /api/v1/kill`.
pub(super) async fn kill(State(app): State<App>, headers: HeaderMap, bytes: Bytes) -> Answer {
    let body: KillBody = body::parse(&bytes)?;
    let level = body.level()?;
    let expected = body.account.as_deref().unwrap_or(CONFIRM_ALL);
    if level == KillLevel::Flatten && body.confirm.as_deref() != Some(expected) {
        let detail = format!(
            "flatten closes everything held at the market; say so with \"confirm\": \"{expected}\""
        );
        return Err(Problem::bad_value("confirm", detail));
    }
    if body.account.is_none() && level != KillLevel::Flatten {
        file_heard(&app).await?;
    }
    let intent = Intent::Kill {
        account: body.account.as_deref().map(AccountName::new),
        level,
        reset_baseline: body.reset_baseline,
    };
    act(&app, &headers, intent, body.why).await
}

/// Waits until a file KILL that is gone is known to be gone: it is looked for twice a second, and
/// a clear right after its removal must not be refused for it.
async fn file_heard(app: &App) -> Result<(), Problem> {
    for _ in 0..LOOKS {
        let Reply::Status(status) = app.engine.query(Query::Status).await? else { break };
        if status.kill_file.is_none() || app.kill_file.symlink_metadata().is_ok() {
            break;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Ok(())
}

/// `GET /api/v1/accounts`.
pub(super) async fn accounts(State(app): State<App>) -> Answer {
    let all: Vec<_> = details(&app).await?.iter().map(view::control::account).collect();
    Ok(Json(json!({ "accounts": all })).into_response())
}

/// `GET /api/v1/accounts/{name}`.
pub(super) async fn account(State(app): State<App>, Path(name): Path<String>) -> Answer {
    let detail = details_of(&app, &name).await?;
    Ok(Json(view::control::account(&detail)).into_response())
}

/// `POST /api/v1/accounts/{name}/arm`.
pub(super) async fn arm(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: ReasonBody = body::parse(&bytes)?;
    let intent = Intent::Arm { account: AccountName::new(&name), armed: true };
    act(&app, &headers, intent, body.why).await
}

/// `POST /api/v1/accounts/{name}/disarm`.
pub(super) async fn disarm(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: ReasonBody = body::parse(&bytes)?;
    let intent = Intent::Arm { account: AccountName::new(&name), armed: false };
    act(&app, &headers, intent, body.why).await
}

/// `POST /api/v1/accounts/{name}/unlock`: an instrument that was locked for some time.
pub(super) async fn unlock(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    let body: SymbolBody = body::parse(&bytes)?;
    let (account, symbol) = (AccountName::new(&name), Symbol::new(&body.symbol));
    act(&app, &headers, Intent::LockSymbol { account, symbol, until: None }, body.why).await
}

/// `POST /api/v1/accounts/{name}/reconcile`: a complete read now, and what differs after it.
pub(super) async fn reconcile(State(app): State<App>, Path(name): Path<String>) -> Answer {
    match app.engine.compare(AccountName::new(&name)).await? {
        Compared::Done(found) => Ok(Json(view::control::comparison(&found)).into_response()),
        Compared::Unknown => Err(no_account(&name)),
        Compared::NotConnected => {
            let detail = format!("account {name} is not connected");
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", detail)
                .hint("`bracketd status` says why")
                .retryable())
        }
    }
}

/// `POST /api/v1/accounts/{name}/plugin`: begins a swap; `GET /api/v1/accounts/{name}` tells how it
/// goes.
pub(super) async fn plugin(
    State(app): State<App>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer {
    let PluginBody { file, accept_differences, accept_more } = body::parse(&bytes)?;
    let terms = Terms { accept_differences, accept_more };
    let wish = PluginWish { file, terms };
    details_of(&app, &name).await?;
    swap_begun(app.engine.plugin(AccountName::new(&name), wish).await?)
}

/// `POST /api/v1/accounts/{name}/plugin/rollback`: the plugin that ran before, at once.
pub(super) async fn plugin_back(State(app): State<App>, Path(name): Path<String>) -> Answer {
    details_of(&app, &name).await?;
    swap_begun(app.engine.plugin_back(AccountName::new(&name)).await?)
}

fn swap_begun(begun: Result<u64, String>) -> Answer {
    match begun {
        Ok(number) => Ok((StatusCode::ACCEPTED, Json(json!({ "swap": number }))).into_response()),
        Err(why) => Err(Problem::new(StatusCode::CONFLICT, "PLUGIN_REFUSED", why)
            .hint("the plugin that runs goes on; `bracketd plugin check` looks at a file")),
    }
}

async fn act(app: &App, headers: &HeaderMap, intent: Intent, why: String) -> Answer {
    let source = Source::Manual(actor(headers)?);
    let why = body::why(why)?;
    let request = Request { intent, source, why, if_version: None, inputs: String::new() };
    let account = request.intent.account().map(ToString::to_string);
    let verdict = app.engine.request(request).await?;
    match verdict.outcome {
        Outcome::Refused(Refusal::UnknownAccount) => {
            Err(no_account(account.as_deref().unwrap_or_default()))
        }
        Outcome::Refused(refusal) => Err(Problem::refused(refusal, &verdict)),
        Outcome::Stored | Outcome::Staged | Outcome::Unchanged | Outcome::Held => {
            let body = json!({ "outcome": verdict.code(), "message": verdict.message });
            Ok(Json(body).into_response())
        }
    }
}

async fn details(app: &App) -> Result<Vec<AccountDetail>, Problem> {
    match app.engine.query(Query::Accounts).await? {
        Reply::Accounts(all) => Ok(all),
        other => Err(mismatch(&other)),
    }
}

async fn details_of(app: &App, name: &str) -> Result<AccountDetail, Problem> {
    let all = details(app).await?;
    let found = all.into_iter().find(|detail| detail.state.name.as_str() == name);
    found.ok_or_else(|| no_account(name))
}

fn no_account(name: &str) -> Problem {
    let detail = format!("there is no account {name}");
    Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_ACCOUNT", detail)
        .hint("`bracketd account list` lists the accounts")
}
