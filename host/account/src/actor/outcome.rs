//! What came of a write: the guest's word and the host's record of the wire, put together.
//!
//! Apart because this table decides whether a write may be sent again. The host's record wins: a
//! guest that says "nothing happened" is not believed when a write left and its answer does not
//! say so, and only an answer that refuses the request counts as a definite "no" (I13).

use bracketd_core::broker::Fault;
use bracketd_core::command::Answer;

use crate::bindings::bracketd::broker::types as abi;
use crate::convert::{fault_of, plain_fault};
use crate::instance::CallError;
use crate::slot::code;
use crate::wire::Sent;
use crate::wire::flight::Landed;

/// Pause before something is sent again when the broker names none, in milliseconds.
const RETRY_MS: u64 = 500;
/// Longest pause that a plugin may ask for, in milliseconds.
const RETRY_MS_MAX: u64 = 60_000;

/// What the host knows of the write of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// The call made none, or it was refused before a sender had it.
    Nothing,
    /// It was tried and nothing of it left.
    NotSent,
    /// The broker refused it with this status: it did not happen.
    Refused(u16),
    /// The broker answered with this status: it happened, or may have.
    Answered(u16),
    /// Some or all of it left, and there is no answer.
    Doubt(String),
}

impl Wire {
    /// What a write that has landed means.
    pub(crate) fn of(landed: &Landed) -> Self {
        match landed {
            // 408 and 5xx tell nothing of what happened behind the server that says so.
            Landed::Answered { status, .. } if (400..500).contains(status) && *status != 408 => {
                Self::Refused(*status)
            }
            Landed::Answered { status, .. } => Self::Answered(*status),
            Landed::Failed { sent: Sent::No, .. } => Self::NotSent,
            Landed::Failed { sent: Sent::Some | Sent::Whole, message } => {
                Self::Doubt(message.clone())
            }
        }
    }

    /// Whether the broker provably did nothing.
    fn is_harmless(&self) -> bool {
        match self {
            Self::Nothing | Self::NotSent | Self::Refused(_) => true,
            Self::Answered(_) | Self::Doubt(_) => false,
        }
    }
}

/// The answer for a call that ended with a fault.
pub(crate) fn of_fault(told: &abi::Fault, wire: &Wire) -> Answer {
    let fault = fault_of(told);
    match told {
        abi::Fault::UnknownOutcome(_) if *wire == Wire::NotSent => not_sent(fault, None),
        abi::Fault::UnknownOutcome(_) => Answer::Unknown(fault),
        _ if !wire.is_harmless() => Answer::Unknown(noted(fault, wire)),
        abi::Fault::Retryable(wait) | abi::Fault::RateLimited(wait) => {
            not_sent(fault, wait.after_ms)
        }
        abi::Fault::Auth(_) if matches!(wire, Wire::Nothing | Wire::NotSent) => {
            not_sent(fault, None)
        }
        abi::Fault::Rejected(_)
        | abi::Fault::Auth(_)
        | abi::Fault::NotFound(_)
        | abi::Fault::Invalid(_)
        | abi::Fault::NotSupported(_) => Answer::Rejected(fault),
    }
}

/// The answer for a call that trapped or was ended.
pub(crate) fn of_error(error: &CallError, wire: &Wire) -> Answer {
    let fault = plain_fault(code(error), error.to_string());
    // A host that failed cannot vouch for its own record of the wire.
    let is_witnessed = !matches!(error, CallError::Panic(_));
    if is_witnessed && matches!(wire, Wire::Nothing | Wire::NotSent) {
        return not_sent(fault, None);
    }
    // Refused too: the guest would have said why, and what rests now. Reading tells.
    Answer::Unknown(noted(fault, wire))
}

/// The answer when a write landed after its guest was gone or had stopped waiting.
pub(crate) fn of_late(mut fault: Fault, landed: &Landed) -> Answer {
    match landed {
        Landed::Failed { sent: Sent::No, message } => {
            fault.message = join(&fault.message, message);
            not_sent(fault, None)
        }
        Landed::Failed { message, .. } => {
            fault.message = join(&fault.message, message);
            Answer::Unknown(fault)
        }
        Landed::Answered { status, head } => {
            fault.http_status = Some(*status);
            fault.message = join(&fault.message, &format!("answered later: {status} {head}"));
            Answer::Unknown(fault)
        }
    }
}

/// The answer for a success that cannot be true: the write may have happened.
pub(crate) fn of_lie(text: String) -> Answer {
    Answer::Unknown(plain_fault("PLUGIN_LIED", text))
}

fn not_sent(fault: Fault, after_ms: Option<u64>) -> Answer {
    Answer::NotSent { fault, after_ms: after_ms.unwrap_or(RETRY_MS).clamp(1, RETRY_MS_MAX) }
}

fn noted(mut fault: Fault, wire: &Wire) -> Fault {
    match wire {
        Wire::Answered(status) | Wire::Refused(status) => {
            fault.http_status = Some(*status);
        }
        Wire::Doubt(message) => fault.message = join(&fault.message, message),
        Wire::Nothing | Wire::NotSent => {}
    }
    fault
}

fn join(a: &str, b: &str) -> String {
    if a.is_empty() { b.to_owned() } else { format!("{a}; {b}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Cut;

    fn detail() -> abi::Detail {
        abi::Detail {
            code: "X".to_owned(),
            message: "m".to_owned(),
            http_status: None,
            broker_code: None,
            legs_now: None,
            blocking: Vec::new(),
            ext: Vec::new(),
        }
    }

    fn kind(answer: &Answer) -> &'static str {
        match answer {
            Answer::Rejected(_) => "rejected",
            Answer::NotSent { .. } => "not sent",
            Answer::Unknown(_) => "unknown",
            Answer::Adjusted { .. } | Answer::Placed { .. } => "success",
        }
    }

    #[test]
    fn i13_the_hosts_record_wins_over_the_guests_word() {
        let wait = || abi::Wait { detail: detail(), after_ms: Some(7) };
        let doubt = || abi::Doubt { detail: detail(), lookup: Vec::new() };
        let doubtful = || Wire::Doubt("reset".to_owned());
        for (told, wire, want) in [
            (abi::Fault::Rejected(detail()), Wire::Refused(422), "rejected"),
            (abi::Fault::Rejected(detail()), Wire::Nothing, "rejected"),
            (abi::Fault::Rejected(detail()), Wire::Answered(200), "unknown"),
            (abi::Fault::Rejected(detail()), Wire::Answered(500), "unknown"),
            (abi::Fault::Rejected(detail()), doubtful(), "unknown"),
            (abi::Fault::NotFound(detail()), Wire::Refused(404), "rejected"),
            (abi::Fault::Invalid(detail()), Wire::Nothing, "rejected"),
            (abi::Fault::NotSupported("x".into()), Wire::Nothing, "rejected"),
            (abi::Fault::Retryable(wait()), Wire::Nothing, "not sent"),
            (abi::Fault::Retryable(wait()), Wire::NotSent, "not sent"),
            (abi::Fault::Retryable(wait()), doubtful(), "unknown"),
            (abi::Fault::Retryable(wait()), Wire::Answered(503), "unknown"),
            (abi::Fault::RateLimited(wait()), Wire::Refused(429), "not sent"),
            (abi::Fault::Auth(detail()), Wire::NotSent, "not sent"),
            (abi::Fault::Auth(detail()), Wire::Refused(401), "rejected"),
            (abi::Fault::UnknownOutcome(doubt()), doubtful(), "unknown"),
            (abi::Fault::UnknownOutcome(doubt()), Wire::Refused(422), "unknown"),
            (abi::Fault::UnknownOutcome(doubt()), Wire::Nothing, "unknown"),
            (abi::Fault::UnknownOutcome(doubt()), Wire::NotSent, "not sent"),
        ] {
            assert_eq!(kind(&of_fault(&told, &wire)), want, "{told:?} {wire:?}");
        }
    }

    #[test]
    fn i13_a_call_without_an_answer_is_unknown_once_a_write_left() {
        for (wire, want) in [
            (Wire::Nothing, "not sent"),
            (Wire::NotSent, "not sent"),
            (Wire::Refused(422), "unknown"),
            (Wire::Answered(200), "unknown"),
            (Wire::Doubt("reset".into()), "unknown"),
        ] {
            for error in [
                CallError::Cut(Cut::Deadline { budget_ms: 1 }),
                CallError::Trap("unreachable".into()),
            ] {
                assert_eq!(kind(&of_error(&error, &wire)), want, "{wire:?}");
            }
            let failed = CallError::Panic("index out of bounds".into());
            assert_eq!(kind(&of_error(&failed, &wire)), "unknown", "{wire:?}");
        }
    }

    #[test]
    fn a_late_answer_is_kept_as_evidence() {
        let landed = Landed::Answered { status: 200, head: "{\"id\":\"o1\"}".to_owned() };
        let Answer::Unknown(fault) = of_late(Fault::new("DEADLINE", "out of time"), &landed) else {
            panic!("a write that left is unknown");
        };
        assert_eq!(fault.http_status, Some(200));
        assert!(fault.message.contains("o1"), "{}", fault.message);
    }

    #[test]
    fn what_a_status_proves() {
        for (status, want) in [
            (200, Wire::Answered(200)),
            (302, Wire::Answered(302)),
            (401, Wire::Refused(401)),
            (408, Wire::Answered(408)),
            (422, Wire::Refused(422)),
            (429, Wire::Refused(429)),
            (503, Wire::Answered(503)),
        ] {
            assert_eq!(Wire::of(&Landed::Answered { status, head: String::new() }), want);
        }
    }
}
