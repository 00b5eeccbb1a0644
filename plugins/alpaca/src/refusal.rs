//! What a refusal means. One of Alpaca's codes stands for opposite remedies, so the judgement takes
//! status, code, message and extra fields together; it must never call a write harmless when the
//! answer leaves that open.

use bracketd_plugin_sdk::fault::{Purpose, retryable, unclear};
use bracketd_plugin_sdk::http::{Response, header};
use bracketd_plugin_sdk::types::{Detail, Doubt, Fault, UnixNanos, Wait};

use crate::wire::Refusal;

/// Longest wait a rate limit may ask for; its window is a minute.
const LONGEST_WAIT_MS: u64 = 60_000;
/// A replacement that is still settling takes this long, by what integrators report.
const SETTLE_MS: u64 = 250;

/// Message fragment -> neutral code, most specific first. Messages "can change without notice", so
/// what is not found here falls back to the code's own meaning.
const BY_MESSAGE: &[(&str, &str)] = &[
    ("client_order_id must be unique", "DUPLICATE_CLIENT_ID"),
    ("order parameters are not changed", "NOT_CHANGED"),
    ("order chain not fully replaced", "REPLACE_IN_FLIGHT"),
    ("already pending replacement", "REPLACE_IN_FLIGHT"),
    ("order already replaced", "ORDER_REPLACED"),
    ("cannot replace order", "NOT_REPLACEABLE"),
    ("unable to replace order", "NOT_REPLACEABLE"),
    ("not replaceable", "NOT_REPLACEABLE"),
    ("cannot be replaced", "NOT_REPLACEABLE"),
    ("qty must be > filled_qty", "QTY_BELOW_FILLED"),
    ("not cancelable", "NOT_CANCELABLE"),
    ("cannot cancel order", "NOT_CANCELABLE"),
    ("order is already in", "NOT_CANCELABLE"),
    ("order is not open", "ORDER_CLOSED"),
    ("wash trade", "WASH_TRADE"),
    ("opposite side", "WASH_TRADE"),
    ("insufficient qty", "INSUFFICIENT_QTY"),
    ("insufficient buying power", "INSUFFICIENT_FUNDS"),
    ("cannot open a long buy while", "WOULD_NET"),
    ("cannot open a short sell while", "WOULD_NET"),
    ("not allowed to short", "NOT_SHORTABLE"),
    ("cannot be sold short", "NOT_SHORTABLE"),
    ("not shortable", "NOT_SHORTABLE"),
    ("sub-penny", "PRICE_INCREMENT"),
    ("minimum pricing criteria", "PRICE_INCREMENT"),
    ("stop price must be less than current", "STOP_THROUGH_MARKET"),
    ("stop price must be greater than current", "STOP_THROUGH_MARKET"),
    ("base_price", "PRICE_GEOMETRY"),
    ("must be entry orders", "NOT_ENTRY"),
    ("oco orders must be exit orders", "POSITION_GONE"),
    ("must be exit orders", "NOT_EXIT"),
    ("position does not exist", "POSITION_GONE"),
    // Only closing orders name their intent: the position is gone, or smaller than the order.
    ("position intent mismatch", "POSITION_GONE"),
    ("fractional orders", "FRACTIONAL_NOT_ALLOWED"),
    ("not fractionable", "FRACTIONAL_NOT_ALLOWED"),
    ("extended_hours", "SESSION_NOT_ALLOWED"),
    ("market is closed", "MARKET_CLOSED"),
    ("halted", "HALTED"),
    ("not tradable", "NOT_TRADABLE"),
    ("not active", "NOT_TRADABLE"),
    ("could not find asset", "SYMBOL_UNKNOWN"),
    ("asset not found", "SYMBOL_UNKNOWN"),
    ("account is restricted", "ACCOUNT_RESTRICTED"),
    ("not authorized", "ACCOUNT_RESTRICTED"),
    ("trading is blocked", "ACCOUNT_RESTRICTED"),
];

/// Whether the broker says that what was asked for is so already.
#[must_use]
pub fn is_not_changed(fault: &Fault) -> bool {
    matches!(fault, Fault::Rejected(detail) if detail.code == "NOT_CHANGED")
}

/// The fault behind an answer whose status is not a success.
#[must_use]
pub fn judge(response: &Response, now: UnixNanos, purpose: &Purpose) -> Fault {
    let refusal: Refusal = serde_json::from_slice(&response.body).unwrap_or_default();
    let is_alpacas = refusal.code.is_some();
    let detail = describe(response, refusal);
    match (response.status, detail.code.as_str()) {
        (401, _) => Fault::Auth(detail),
        (403, "FORBIDDEN") => Fault::Auth(detail),
        // Taken earlier: perhaps by the very request whose answer was lost.
        (_, "DUPLICATE_CLIENT_ID") => match purpose {
            Purpose::Write(lookup) => {
                Fault::UnknownOutcome(Doubt { detail, lookup: lookup.clone() })
            }
            Purpose::Read => Fault::Rejected(detail),
        },
        (_, "REPLACE_IN_FLIGHT") => retryable(detail, Some(SETTLE_MS)),
        // A front door that knows no such address says nothing of what Alpaca has.
        (404, _) if !is_alpacas && *purpose == Purpose::Read => retryable(detail, None),
        (404, _) => Fault::NotFound(detail),
        (429, _) => Fault::RateLimited(Wait { detail, after_ms: reset_ms(response, now) }),
        (408 | 500.., _) => unclear(detail, purpose),
        (300..=399, _) => unclear(detail, purpose),
        _ => Fault::Rejected(detail),
    }
}

fn describe(response: &Response, refusal: Refusal) -> Detail {
    let message = refusal.message.to_ascii_lowercase();
    let by_message = || BY_MESSAGE.iter().find(|(part, _)| message.contains(part)).map(|(_, c)| *c);
    let code = match (response.status, refusal.code) {
        (401, _) => "AUTH",
        (429, _) => "RATE_LIMITED",
        (408 | 500.., _) => "UNAVAILABLE",
        (400..=499, _) if by_message().is_some() => by_message().unwrap_or_default(),
        (_, _) if refusal.existing_order_id.is_some() => "WASH_TRADE",
        (_, _) if refusal.held_for_orders.is_some() => "INSUFFICIENT_QTY",
        (_, _) if refusal.base_price.is_some() => "PRICE_GEOMETRY",
        (404, _) => "NOT_FOUND",
        (403, Some(40_310_000..=40_319_999)) => "NOT_ALLOWED",
        (403, _) => "FORBIDDEN",
        (422, Some(40_010_001)) => "FIELD_VALIDATION",
        (400, _) => "MALFORMED",
        _ => "REFUSED",
    };
    let mut blocking = refusal.related_orders.unwrap_or_default();
    blocking.extend(refusal.existing_order_id.filter(|id| !id.is_empty()));
    let facts = [
        ("available", refusal.available),
        ("held_for_orders", refusal.held_for_orders),
        ("base_price", refusal.base_price),
    ];
    let mut ext: Vec<(String, String)> = facts
        .into_iter()
        .filter_map(|(key, num)| num.map(|num| (key.to_owned(), num.0.to_string())))
        .collect();
    ext.extend(header(response, "x-request-id").map(|id| ("request_id".to_owned(), id.to_owned())));
    let message = match refusal.message {
        message if message.is_empty() => format!("HTTP {}", response.status),
        message => message,
    };
    Detail {
        code: code.to_owned(),
        message,
        http_status: Some(response.status),
        broker_code: refusal.code.map(|code| code.to_string()),
        legs_now: None,
        blocking,
        ext,
    }
}

fn reset_ms(response: &Response, now: UnixNanos) -> Option<u64> {
    let seconds = |name| header(response, name).and_then(|text| text.trim().parse::<u64>().ok());
    let after = seconds("retry-after").map(|s| s.saturating_mul(1_000));
    let until = || {
        let reset = seconds("x-ratelimit-reset")?;
        Some(reset.saturating_mul(1_000).saturating_sub(now / 1_000_000))
    };
    after.or_else(until).map(|ms| ms.min(LONGEST_WAIT_MS))
}
