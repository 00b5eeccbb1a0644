//! Faults, and the rule that decides how a missing answer is told. Separate because every plugin
//! needs the same rule; it must never call a write harmless that may have left.

use crate::http::{HttpFault, Sent, Why};
use crate::types::{Detail, Doubt, Fault, OrderKey, Wait};

/// What a request was for: it decides what a missing or unreadable answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Changes nothing at the broker: a lost answer may be asked for again.
    Read,
    /// May change something: after a lost answer these keys say whether it did.
    Write(Vec<OrderKey>),
}

/// A detail with nothing but its neutral code and a message.
#[must_use]
pub fn detail(code: &str, message: impl Into<String>) -> Detail {
    Detail {
        code: code.to_owned(),
        message: message.into(),
        http_status: None,
        broker_code: None,
        legs_now: None,
        blocking: Vec::new(),
        ext: Vec::new(),
    }
}

/// The host's call is malformed.
#[must_use]
pub fn invalid(code: &str, message: impl Into<String>) -> Fault {
    Fault::Invalid(detail(code, message))
}

/// Nothing happened; the host may send again under the same op-id.
#[must_use]
pub const fn retryable(detail: Detail, after_ms: Option<u64>) -> Fault {
    Fault::Retryable(Wait { detail, after_ms })
}

/// No clear answer came: in doubt for a write, asked again for a read.
#[must_use]
pub fn unclear(detail: Detail, purpose: &Purpose) -> Fault {
    match purpose {
        Purpose::Read => retryable(detail, None),
        Purpose::Write(lookup) => Fault::UnknownOutcome(Doubt { detail, lookup: lookup.clone() }),
    }
}

/// The fault behind a request that got no answer. What provably did not leave is retryable,
/// whatever it was for; what the host refused to send is the operator's grant, not the broker.
#[must_use]
pub fn of_transport(fault: &HttpFault, purpose: &Purpose) -> Fault {
    let code = match fault.why {
        Why::Denied => "DENIED",
        Why::Fenced => "FENCED",
        Why::Timeout => "TIMEOUT",
        Why::Connect => "CONNECT",
        Why::Tls => "TLS",
        Why::TooLarge => "TOO_LARGE",
        Why::Protocol => "PROTOCOL",
        Why::Other => "TRANSPORT",
    };
    let detail = detail(code, fault.message.as_str());
    match (fault.sent, fault.why) {
        (Sent::No, Why::Denied | Why::Fenced) => Fault::Rejected(detail),
        (Sent::No, _) => retryable(detail, None),
        (Sent::Yes | Sent::Unknown, _) => unclear(detail, purpose),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I13: only what provably did not leave may be sent again.
    #[test]
    fn a_write_that_may_have_left_is_in_doubt() {
        let write = Purpose::Write(vec![OrderKey::Client("bd-1".into())]);
        for (sent, why, purpose, kind) in [
            (Sent::No, Why::Connect, &write, "retryable"),
            (Sent::Unknown, Why::Timeout, &write, "doubt"),
            (Sent::Yes, Why::Timeout, &write, "doubt"),
            (Sent::Yes, Why::TooLarge, &write, "doubt"),
            (Sent::No, Why::Denied, &write, "rejected"),
            (Sent::No, Why::Fenced, &write, "rejected"),
            (Sent::Yes, Why::Timeout, &Purpose::Read, "retryable"),
            (Sent::Unknown, Why::Protocol, &Purpose::Read, "retryable"),
        ] {
            let fault = of_transport(&HttpFault { why, sent, message: "m".into() }, purpose);
            let found = match &fault {
                Fault::Retryable(_) => "retryable",
                Fault::Rejected(_) => "rejected",
                Fault::UnknownOutcome(doubt) => {
                    assert_eq!(doubt.lookup, [OrderKey::Client("bd-1".into())]);
                    "doubt"
                }
                _ => "other",
            };
            assert_eq!(found, kind, "{sent:?} {why:?}");
        }
    }
}
