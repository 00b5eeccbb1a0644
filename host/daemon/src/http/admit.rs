//! Who gets in: Host and Origin first (a web page must not reach this API by a name it owns), then
//! the token, then a body of bounded size in bounded time.
//!
//! Apart because it stands before every route, known or not. It never tells which part of a token
//! was wrong, nor how long the comparison took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// Bytes of a request's body.
const BODY_MAX: usize = 256 * 1_024;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What a request must show.
#[derive(Debug)]
pub(super) struct Admission {
    hosts: Vec<String>,
    // Hashes of equal length are compared in constant time by their type.
    token: blake3::Hash,
}

impl Admission {
    pub(super) fn new(address: SocketAddr, token: &str) -> Self {
        let port = address.port();
        let hosts = vec![address.to_string(), format!("localhost:{port}")];
        Self { hosts, token: blake3::hash(token.as_bytes()) }
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let host = single(headers, &header::HOST).unwrap_or("");
        if !self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
            let detail = "the Host header does not name this daemon";
            return Err(Problem::new(StatusCode::FORBIDDEN, "BAD_HOST", detail)
                .hint(format!("use http://{}", self.hosts.join(" or http://"))));
        }
        if headers.contains_key(header::ORIGIN) {
            let origin = single(headers, &header::ORIGIN).and_then(|o| o.strip_prefix("http://"));
            if !origin.is_some_and(|o| self.hosts.iter().any(|known| known == o)) {
                let detail = "this origin may not use the API";
                return Err(Problem::new(StatusCode::FORBIDDEN, "BAD_ORIGIN", detail)
                    .hint("only pages of this daemon may"));
            }
        }
        let given = single(headers, &header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        match given {
            Some(token) if blake3::hash(token.as_bytes()) == self.token => Ok(()),
            _ => Err(Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "a token is needed")
                .hint("send Authorization: Bearer TOKEN; the token is in daemon.json")),
        }
    }
}

/// Lets a request through whole, or answers it here.
pub(super) async fn admit(
    State(admission): State<Arc<Admission>>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(problem) = admission.check(request.headers()) {
        return problem.into_response();
    }
    let announced = single(request.headers(), &header::CONTENT_LENGTH);
    if announced.and_then(|length| length.parse().ok()).is_some_and(|n: usize| n > BODY_MAX) {
        return too_large().into_response();
    }
    let (parts, body) = request.into_parts();
    let read = axum::body::to_bytes(body, BODY_MAX);
    match tokio::time::timeout(BODY_TIME, read).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_)) => too_large().into_response(),
        Err(_) => {
            let detail = "the body took too long";
            Problem::new(StatusCode::REQUEST_TIMEOUT, "BODY_TOO_SLOW", detail)
                .hint("nothing was done; try again")
                .into_response()
        }
    }
}

fn too_large() -> Problem {
    let detail = format!("the body is broken or has more than {BODY_MAX} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", detail)
        .hint("requests of this API are a few hundred bytes")
}

/// The header's value where it is there exactly once and is text: two are an attempt to be read
/// differently by two readers.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    if all.next().is_some() { None } else { first.to_str().ok() }
}
