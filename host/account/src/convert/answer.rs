//! Answers of writes, and faults, as a plugin tells them, checked against what was asked.

use bracketd_core::broker::{Fault, OrderReport};
use bracketd_core::command::{Answer, BracketLeg, How, Progress};
use bracketd_core::ids::{BrokerOrderId, ClientOrderId, Symbol};

use crate::bindings::bracketd::broker::types as abi;
use crate::convert::number::id;
use crate::convert::{Lie, Tie, leg, report};
use crate::guest::log;

/// Longest text that is kept of a broker's words, in bytes.
const TEXT_BYTES_MAX: usize = 500;
/// Most legs, orders or memo entries of one answer.
const LIST_MAX: usize = 64;
/// Longest memo key or value in bytes.
const MEMO_BYTES_MAX: usize = 1_024;

/// Orders with their ties, to be remembered.
pub(crate) type Tied = Vec<(BrokerOrderId, Tie)>;
/// What a plugin wants kept for a bracket.
type Memo = Vec<(String, String)>;

/// The answer of an adjustment.
pub(crate) fn adjusted(told: &abi::Adjusted) -> Result<(Answer, Tied), Lie> {
    let (legs, ties) = legs(&told.legs)?;
    let answer = Answer::Adjusted {
        legs,
        how: match told.how {
            abi::AdjustHow::Unchanged => How::Unchanged,
            abi::AdjustHow::ReplacedInPlace => How::ReplacedInPlace,
            abi::AdjustHow::CancelRequested => How::CancelRequested,
            abi::AdjustHow::NewLeg => How::NewLeg,
        },
        progress: progress(&told.progress)?,
        memo: memo(&told.memo)?,
    };
    Ok((answer, ties))
}

/// The legs and the memo of a bracket that was read.
pub(crate) fn found_legs(told: &abi::Adjusted) -> Result<(Vec<BracketLeg>, Memo, Tied), Lie> {
    let (legs, ties) = legs(&told.legs)?;
    Ok((legs, memo(&told.memo)?, ties))
}

/// The answer of an order that was made or canceled, and everything it came with. `client_id` and
/// `symbol` are what a new order must carry.
pub(crate) fn placed(
    told: &abi::Placed,
    asked: Option<(&ClientOrderId, &Symbol)>,
) -> Result<(Answer, Vec<OrderReport>, Tied), Lie> {
    bounded("placed.orders", told.orders.len())?;
    let mut reports = Vec::with_capacity(told.orders.len());
    let mut ties = Vec::with_capacity(told.orders.len());
    for order in &told.orders {
        let (report, tie) = report(order)?;
        ties.push((report.broker_id.clone(), tie));
        reports.push(report);
    }
    if let (Some(first), Some((client_id, symbol))) = (reports.first(), asked) {
        if first.client_id.as_ref().is_some_and(|id| id != client_id) {
            return Err(Lie::new("placed.client-id", format!("{:?}", first.client_id)));
        }
        if first.symbol != *symbol {
            return Err(Lie::new("placed.symbol", first.symbol.as_str()));
        }
    }
    let order = reports.first().cloned().map(Box::new);
    Ok((Answer::Placed { order, progress: progress(&told.progress)? }, reports, ties))
}

/// The core's fault of an ABI fault.
pub(crate) fn fault_of(fault: &abi::Fault) -> Fault {
    match fault {
        abi::Fault::Rejected(d)
        | abi::Fault::Auth(d)
        | abi::Fault::NotFound(d)
        | abi::Fault::Invalid(d)
        | abi::Fault::Retryable(abi::Wait { detail: d, .. })
        | abi::Fault::RateLimited(abi::Wait { detail: d, .. })
        | abi::Fault::UnknownOutcome(abi::Doubt { detail: d, .. }) => self::fault(d),
        abi::Fault::NotSupported(text) => Fault::new("NOT_SUPPORTED", cut(text)),
    }
}

/// A fault's details. Values in it that cannot be true are left out: it is a "no" either way.
fn fault(detail: &abi::Detail) -> Fault {
    let blocking = detail.blocking.iter().take(LIST_MAX);
    Fault {
        code: code(&detail.code),
        message: cut(&detail.message),
        http_status: detail.http_status,
        broker_code: detail.broker_code.as_deref().map(cut),
        blocking: blocking
            .filter_map(|text| id("blocking", text).ok())
            .map(BrokerOrderId::new)
            .collect(),
        legs_now: detail.legs_now.as_ref().and_then(|told| legs(told).ok()).map(|(l, _)| l),
    }
}

/// A broker's words about an order that it rejected, bounded.
pub(crate) fn words(detail: &abi::Detail) -> String {
    format!("{}: {}", code(&detail.code), cut(&detail.message))
}

/// A fault that the host found.
pub(crate) fn plain_fault(code: &str, message: impl AsRef<str>) -> Fault {
    Fault::new(code, cut(message.as_ref()))
}

fn legs(told: &[abi::Leg]) -> Result<(Vec<BracketLeg>, Tied), Lie> {
    bounded("adjusted.legs", told.len())?;
    let mut legs = Vec::with_capacity(told.len());
    let mut ties = Vec::with_capacity(told.len());
    for one in told {
        let (leg, tie) = leg(one)?;
        if legs.iter().any(|other: &BracketLeg| other.broker_id == leg.broker_id) {
            return Err(Lie::new("adjusted.legs", format!("{} twice", leg.broker_id)));
        }
        ties.push((leg.broker_id.clone(), tie));
        if !leg.status.is_terminal() {
            legs.push(leg);
        }
    }
    Ok((legs, ties))
}

fn progress(told: &abi::Progress) -> Result<Progress, Lie> {
    Ok(match told {
        abi::Progress::Confirmed => Progress::Confirmed,
        abi::Progress::Accepted => Progress::Accepted,
        abi::Progress::WaitingFor(order) => {
            Progress::WaitingFor(BrokerOrderId::new(id("progress.waiting-for", order)?))
        }
        abi::Progress::Challenge(challenge) => {
            Progress::Challenge { code: code(&challenge.code), text: cut(&challenge.text) }
        }
    })
}

/// The question a broker asks first: its id, and its neutral code.
pub(crate) fn challenge(told: &abi::Progress) -> Option<(&str, String)> {
    match told {
        abi::Progress::Challenge(challenge) => Some((&challenge.id, code(&challenge.code))),
        abi::Progress::Confirmed | abi::Progress::Accepted | abi::Progress::WaitingFor(_) => None,
    }
}

fn memo(told: &[(String, String)]) -> Result<Memo, Lie> {
    bounded("adjusted.memo", told.len())?;
    match told.iter().find(|(k, v)| k.len() > MEMO_BYTES_MAX || v.len() > MEMO_BYTES_MAX) {
        Some((key, _)) => Err(Lie::new("adjusted.memo", format!("too long at {}", cut(key)))),
        None => Ok(told.to_vec()),
    }
}

fn bounded(field: &'static str, count: usize) -> Result<(), Lie> {
    if count > LIST_MAX {
        return Err(Lie::new(field, format!("{count} entries long")));
    }
    Ok(())
}

fn code(text: &str) -> String {
    let word: String =
        text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
    if word.is_empty() { "UNKNOWN".to_owned() } else { word.to_ascii_uppercase() }
}

fn cut(text: &str) -> String {
    log::cut(text, TEXT_BYTES_MAX)
        .chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect()
}
