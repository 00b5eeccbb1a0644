//! The troubles that a request can meet, and what must be concluded from each.
//!
//! Apart because this table is the contract of a plugin's answers: the words of `fault` that fit, what
//! the host makes of the whole, and whether the broker did what was asked. docs/conformance.md
//! prints it.

use std::time::Duration;

use bracketd_account::Word;

use crate::network::Fault;
use crate::watch::With;

const REFUSAL: &str = "{\"message\":\"a front door says no\"}";
const HTML: &str = "<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>";
const LIMITED: &str = "retry-after: 7\r\ncontent-type: application/json\r\n";
/// What the broker with enough of us names as the pause, in milliseconds.
pub(crate) const PAUSE_MS: u64 = 7_000;
/// The trouble in which somebody else than the broker says that there is no such thing.
pub(crate) const FRONT_DOOR: &str = "404 of a front door";
/// Where a redirect points: somewhere that must never be asked.
pub(crate) const ELSEWHERE: &str = "/elsewhere";

/// What the host has to conclude from a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    Success,
    Rejected,
    NotSent,
    Unknown,
}

impl Conclusion {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Rejected => "rejected",
            Self::NotSent => "not sent",
            Self::Unknown => "unknown",
        }
    }
}

/// A trouble and what follows from it.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) name: &'static str,
    /// None: nothing goes wrong.
    pub(crate) with: Option<With>,
    /// Whether the broker does what the request asks.
    pub(crate) is_done: bool,
    /// Words of the plugin that fit a write.
    pub(crate) of_write: &'static [Word],
    pub(crate) concluded: &'static [Conclusion],
    /// Words of the plugin that fit a read.
    pub(crate) of_read: &'static [Word],
}

use Conclusion as C;
use Word as W;

const UNSURE: &[Word] = &[W::UnknownOutcome];
const AGAIN: &[Word] = &[W::Retryable, W::UnknownOutcome];

const fn fault(fault: Fault) -> Option<With> {
    Some(With::Fault(fault))
}

/// A write that may have happened.
const fn doubt(name: &'static str, is_done: bool, met: Fault) -> Trouble {
    let with = fault(met);
    Trouble { name, with, is_done, of_write: UNSURE, concluded: &[C::Unknown], of_read: AGAIN }
}

/// A write that the broker refused.
const fn refusal(
    name: &'static str,
    met: Fault,
    of_write: &'static [Word],
    of_read: &'static [Word],
) -> Trouble {
    let with = fault(met);
    Trouble { name, with, is_done: false, of_write, concluded: &[C::Rejected], of_read }
}

/// Every trouble, in the order of the report's columns.
pub(crate) const TROUBLES: &[Trouble] = &[
    Trouble {
        name: "no trouble",
        with: None,
        is_done: true,
        of_write: &[W::Success],
        concluded: &[C::Success],
        of_read: &[W::Success],
    },
    Trouble {
        name: "nobody listens",
        with: Some(With::Down),
        is_done: false,
        of_write: AGAIN,
        concluded: &[C::NotSent, C::Unknown],
        of_read: AGAIN,
    },
    refusal("401", Fault::Answer(401, REFUSAL), &[W::Auth], &[W::Auth]),
    refusal("403", Fault::Answer(403, REFUSAL), &[W::Auth, W::Rejected], &[W::Auth, W::Rejected]),
    refusal(
        "404",
        Fault::Answer(404, REFUSAL),
        &[W::NotFound, W::Rejected],
        &[W::NotFound, W::Rejected, W::Retryable],
    ),
    refusal(
        FRONT_DOOR,
        Fault::Answer(404, HTML),
        &[W::NotFound, W::Rejected],
        &[W::NotFound, W::Rejected, W::Retryable, W::UnknownOutcome],
    ),
    Trouble {
        name: "429",
        with: fault(Fault::AnswerWith(429, LIMITED, REFUSAL)),
        is_done: false,
        of_write: &[W::RateLimited],
        concluded: &[C::NotSent],
        of_read: &[W::RateLimited],
    },
    doubt("503", false, Fault::Answer(503, REFUSAL)),
    doubt("500, done", true, Fault::AnswerAfter(500, REFUSAL)),
    doubt("no answer", false, Fault::Hang),
    doubt("no answer, done", true, Fault::HangAfter),
    doubt("reset", false, Fault::Reset),
    doubt("reset, done", true, Fault::ResetAfter),
    doubt("slow drip, done", true, Fault::DripAfter(Duration::from_millis(40))),
    doubt("cut, done", true, Fault::CutAfter),
    doubt("half a JSON, done", true, Fault::ShortAfter),
    doubt("HTML with 200", false, Fault::Answer(200, HTML)),
    doubt("HTML with 200, done", true, Fault::AnswerAfter(200, HTML)),
    doubt("other JSON with 200", false, Fault::Answer(200, "{\"unexpected\":true}")),
    Trouble {
        name: "redirect",
        with: fault(Fault::AnswerWith(302, "location: /elsewhere\r\n", "")),
        is_done: false,
        of_write: UNSURE,
        concluded: &[C::Unknown],
        of_read: &[W::Retryable, W::UnknownOutcome, W::Rejected, W::Auth],
    },
];

/// Words for people.
pub(crate) fn words(all: &[Word]) -> String {
    all.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(" or ")
}

/// Words for people.
pub(crate) fn conclusions(all: &[Conclusion]) -> String {
    all.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" or ")
}
