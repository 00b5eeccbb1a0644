//! Answers in the broker's shape.
//!
//! Separate so that a handler can say `?` and every refusal looks the same.

use crate::book::{Reject, RejectKind};
use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;

/// What a handler returns.
pub(super) type Answer = Result<Response<Body>, Refused>;

/// A refusal on its way out.
pub(super) struct Refused(pub(super) Reject);

impl From<Reject> for Refused {
    fn from(reject: Reject) -> Self {
        Self(reject)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.0.http_status);
        json(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &self.0.body())
    }
}

/// 200 with a body.
pub(super) fn ok<T: Serialize>(body: &T) -> Response<Body> {
    json(StatusCode::OK, body)
}

/// A status with a body.
pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response<Body> {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Any path the exchange does not have.
pub(super) async fn unknown_path() -> Answer {
    Err(Reject::new(RejectKind::NotFound, 404, 40_410_000, "endpoint not found").into())
}
