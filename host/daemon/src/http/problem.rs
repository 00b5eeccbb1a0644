//! Every "no" of the API as `application/problem+json` (RFC 9457).
//!
//! Apart so that each has a code for programs and a hint for people. It never says what a token or
//! a secret looks like.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bracketd_core::intent::Verdict;
use bracketd_core::refusal::Refusal;
use serde::Serialize;

/// A refusal to do or show something.
#[derive(Debug)]
pub(super) struct Problem(Box<Members>);

#[derive(Debug, Serialize)]
struct Members {
    #[serde(skip)]
    http: StatusCode,
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    hint: String,
    retryable: bool,
    /// `refused`: surely not done. `unknown`: it may have been done.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

/// What handlers return.
pub(super) type Answer = Result<Response, Problem>;

impl Problem {
    /// A problem that left everything as it was.
    pub(super) fn new(http: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Members {
            http,
            kind: "about:blank",
            title: http.canonical_reason().unwrap_or("Error"),
            status: http.as_u16(),
            detail: detail.into(),
            code,
            hint: String::new(),
            retryable: false,
            outcome: "refused",
            transaction: None,
            version: None,
        }))
    }

    /// With what to do next.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = hint.into();
        self
    }

    /// The same request may succeed later.
    #[must_use]
    pub(super) fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// A body, path or query that cannot be understood.
    pub(super) fn bad_value(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_VALUE", detail)
            .hint(format!("look at the field `{field}`"))
    }

    /// The engine thread takes no message now; nothing was handed over.
    pub(super) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY_ENGINE", "the engine's queue is full")
            .hint("nothing was done; try again in a moment")
            .retryable()
    }

    /// The engine thread has ended.
    pub(super) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "STOPPING", "the daemon is stopping")
            .hint("protective orders stay at the broker; start the daemon again")
    }

    /// The engine thread took the message and has not answered in time.
    pub(super) fn unknown() -> Self {
        let mut problem = Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "NO_ANSWER",
            "the engine took the request and did not answer in time",
        )
        .hint("it may have been done: look at the transaction before trying again");
        problem.0.outcome = "unknown";
        problem
    }

    /// The gate's "no".
    pub(super) fn refused(refusal: Refusal, verdict: &Verdict) -> Self {
        let mut problem = Self::new(status_of(refusal), refusal.code(), verdict.message.clone())
            .hint(hint_of(refusal));
        problem.0.retryable = refusal.retryable();
        problem.0.transaction = verdict.transaction.map(|id| id.to_string());
        problem.0.version = verdict.transaction.map(|_| verdict.version);
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.0.http, Json(&*self.0)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if self.0.http == StatusCode::UNAUTHORIZED {
            let how = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
        }
        response
    }
}

/// For paths that do not exist.
pub(super) async fn not_found(uri: axum::http::Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NO_SUCH_PATH", format!("there is no {}", uri.path()))
        .hint("the API is under /api/v1, such as /api/v1/status")
}

/// For methods that a path does not have.
pub(super) async fn method_not_allowed(method: axum::http::Method) -> Problem {
    let detail = format!("this path has no {method}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "NO_SUCH_METHOD", detail)
        .hint("reads are GET, changes are POST")
}

fn status_of(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::UnknownTransaction => StatusCode::NOT_FOUND,
        Refusal::NotOwner
        | Refusal::VerbNotAllowed
        | Refusal::Restricted
        | Refusal::TooManyCloses => StatusCode::FORBIDDEN,
        Refusal::AlreadyEnded
        | Refusal::NotWaiting
        | Refusal::NotOpened
        | Refusal::Busy
        | Refusal::NotUnknown
        | Refusal::NothingToAdopt
        | Refusal::VersionConflict
        | Refusal::Locked
        | Refusal::WouldNet
        | Refusal::Killed
        | Refusal::Disarmed
        | Refusal::Unsettled
        | Refusal::Duplicate
        | Refusal::SymbolLocked
        | Refusal::WashTrade => StatusCode::CONFLICT,
        Refusal::TooOften => StatusCode::TOO_MANY_REQUESTS,
        Refusal::NotReady
        | Refusal::NoReferencePrice
        | Refusal::StalePrice
        | Refusal::SessionClosed
        | Refusal::DiskFull
        | Refusal::LedgerFailed => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::UnknownAccount
        | Refusal::UnknownInstrument
        | Refusal::UnknownPolicy
        | Refusal::PolicyFrozen
        | Refusal::NoEvidence
        | Refusal::BadQuantity
        | Refusal::StopWrongSide
        | Refusal::TargetWrongSide
        | Refusal::StopBeyondTarget
        | Refusal::OffTick
        | Refusal::Loosens
        | Refusal::Recedes
        | Refusal::Collar
        | Refusal::TooClose
        | Refusal::MaxQuantity
        | Refusal::MaxNotional
        | Refusal::MaxExposure
        | Refusal::MaxLoss
        | Refusal::BadTerms
        | Refusal::RungTooSmall
        | Refusal::NoReason => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn hint_of(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownAccount => "`bracketd account list` lists the accounts",
        Refusal::UnknownTransaction => "`bracketd tx list` lists the transactions",
        Refusal::UnknownInstrument => "check the symbol at the broker",
        Refusal::UnknownPolicy => "`bracketd policy list` lists the policies",
        Refusal::PolicyFrozen => {
            "give it a stop of its own, or mend the policy; `bracketd policy list` says why"
        }
        Refusal::NotOwner => "the transaction belongs to another book",
        Refusal::VerbNotAllowed => "allow the verb in [policy.NAME] verbs",
        Refusal::AlreadyEnded => "nothing is left to change",
        Refusal::NotWaiting => "to end what is held, close it",
        Refusal::NotOpened => "while the entry rests, cancel the entry instead",
        Refusal::Busy => "a close or resize is under way; wait for its end",
        Refusal::NotUnknown => "`bracketd tx show ID` lists the commands that are unknown",
        Refusal::NoEvidence => "write what was seen, such as --evidence 'order list of 14:03'",
        Refusal::NothingToAdopt => {
            "`bracketd account show NAME` lists what is at the account and not ours"
        }
        Refusal::VersionConflict => "read the transaction again, then decide anew",
        Refusal::Locked => "a person locked this leg; unlock it first",
        Refusal::NotReady => "the account is not connected yet; `bracketd status` says why",
        Refusal::NoReferencePrice => "no market price was read yet; try again in a moment",
        Refusal::StalePrice => "the market price is old; is the market open?",
        Refusal::BadQuantity => "check the instrument's quantity step and bounds",
        Refusal::WouldNet => "close the opposite side first, or use another account",
        Refusal::StopWrongSide => "a long's stop is below the price, a short's above",
        Refusal::TargetWrongSide => "a long's target is above the price, a short's below",
        Refusal::StopBeyondTarget => "stop and target must be on both sides of the price",
        Refusal::OffTick => "use a price on the instrument's tick",
        Refusal::Loosens => "the account forbids it to move a stop away from the market",
        Refusal::Collar => "the price is far from the market; is it a typo?",
        Refusal::Restricted => "the account's lists forbid it: `bracketd guard explain G11`",
        Refusal::Unsettled => "it is being looked up; a person may decide meanwhile",
        Refusal::TooManyCloses => "look at the policy: `bracketd guard explain G19`",
        Refusal::SessionClosed => "enter at a limit, or wait for the session",
        Refusal::Recedes => "the account forbids it to move a target away from the market",
        Refusal::TooClose => "use the nearest allowed price, or a farther one",
        Refusal::TooOften => "wait; a trail needs no step at every price",
        Refusal::Duplicate => "look at the transaction that it repeats before trying again",
        Refusal::MaxQuantity | Refusal::MaxNotional => {
            "split the order, or raise the limit: `bracketd guard explain G1`"
        }
        Refusal::MaxExposure => "close or cancel something first: `bracketd guard explain G3`",
        Refusal::MaxLoss => "set the stop nearer or trade less: `bracketd guard explain G15`",
        Refusal::WashTrade => "cancel the entry that is in the way, then try again",
        Refusal::SymbolLocked => {
            "wait until its time is over, or `bracketd account unlock NAME SYMBOL`"
        }
        Refusal::BadTerms => "the message says what of it cannot be meant",
        Refusal::RungTooSmall => "make fewer rungs, or larger shares",
        Refusal::LedgerFailed => "nothing was done; check disk space and the data directory",
        Refusal::DiskFull => "make room on the disk; a moment later it is taken again",
        Refusal::Killed => "`bracketd kill status` says who set it and why",
        Refusal::Disarmed => "`bracketd account show` says what would be armed",
        Refusal::NoReason => "say why with --reason",
    }
}

#[cfg(test)]
mod tests {
    use super::{hint_of, status_of};
    use bracketd_core::refusal::Refusal;

    #[test]
    fn every_refusal_is_an_error_with_a_hint() {
        for refusal in Refusal::ALL {
            let status = status_of(refusal);
            assert!(status.is_client_error() || status.is_server_error(), "{refusal:?}");
            assert!(!hint_of(refusal).is_empty(), "{refusal:?}");
            if status.is_server_error() {
                assert!(refusal.retryable(), "{refusal:?} is ours and may pass");
            }
        }
    }
}
