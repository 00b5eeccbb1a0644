//! Who may come in, how often, and under which request id.
//!
//! Separate because every request passes here and no handler may decide it again. The keys are
//! those of the accounts, for the admin endpoints too.

use super::Shared;
use super::answer::Refused;
use crate::book::{Reject, RejectKind};
use crate::config::ExchangeConfig;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response};
use axum::middleware::Next;
use axum::response::IntoResponse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// The account a request belongs to: its place in the configuration.
#[derive(Clone, Copy)]
pub(super) struct Caller(pub(super) usize);

pub(super) struct Gate {
    keys: HashMap<String, (usize, String)>,
    per_minute: Option<u32>,
    /// Minute since 1970 and requests in it, per account.
    used: Mutex<Vec<(u64, u32)>>,
}

struct Allowance {
    limit: u32,
    left: Option<u32>,
    reset_s: u64,
}

impl Gate {
    pub(super) fn new(config: &ExchangeConfig) -> Self {
        let accounts = config.accounts.iter().enumerate();
        let keys = accounts
            .map(|(index, account)| (account.key_id.clone(), (index, account.secret.clone())));
        Self {
            keys: keys.collect(),
            per_minute: config.requests_per_minute,
            used: Mutex::new(vec![(0, 0); config.accounts.len()]),
        }
    }

    fn caller(&self, request: &Request) -> Option<Caller> {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        self.account(header("APCA-API-KEY-ID")?, header("APCA-API-SECRET-KEY")?)
    }

    /// Whose key it is.
    pub(super) fn account(&self, key_id: &str, secret: &str) -> Option<Caller> {
        let (index, known) = self.keys.get(key_id)?;
        (known == secret).then_some(Caller(*index))
    }

    fn allowance(&self, caller: Caller) -> Option<Allowance> {
        let limit = self.per_minute?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        let minute = now_s / 60;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = used.get_mut(caller.0)?;
        if slot.0 != minute {
            *slot = (minute, 0);
        }
        let left = limit.checked_sub(slot.1 + 1);
        if left.is_some() {
            slot.1 += 1;
        }
        Some(Allowance { limit, left, reset_s: (minute + 1) * 60 })
    }
}

/// Lets known callers through while they have requests left.
pub(super) async fn check(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let Some(caller) = shared.gate.caller(&request) else {
        let text = "request is not authorized";
        return Refused(Reject::new(RejectKind::Field, 401, 40_110_000, text)).into_response();
    };
    let allowance = shared.gate.allowance(caller);
    let mut response = match &allowance {
        Some(Allowance { left: None, .. }) => {
            let text = "rate limit exceeded";
            Refused(Reject::new(RejectKind::Field, 429, 42_910_000, text)).into_response()
        }
        _ => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
    };
    if let Some(allowance) = allowance {
        let headers = response.headers_mut();
        headers.insert("X-RateLimit-Limit", HeaderValue::from(allowance.limit));
        headers.insert("X-RateLimit-Remaining", HeaderValue::from(allowance.left.unwrap_or(0)));
        headers.insert("X-RateLimit-Reset", HeaderValue::from(allowance.reset_s));
    }
    response
}

/// Puts a request id on every answer, refusals included.
pub(super) async fn request_id(request: Request, next: Next) -> Response<Body> {
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&format!("{number:032x}")) {
        response.headers_mut().insert("X-Request-ID", value);
    }
    response
}
