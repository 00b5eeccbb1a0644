//! One thing that people may want to see, as one flat piece of memory.
//!
//! Apart because its size is the price of recording: it is copied into the queue as it is. It
//! must never own anything.

use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;

use super::inline::{InlineDecimal, InlineStr};

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActivityKind {
    /// Something that the ledger proves.
    Fact(FactKind),
    /// A policy ran.
    PolicyRan,
    /// A policy had nothing to go on and was skipped.
    PolicySkipped,
    /// Prices were missing for a while.
    QuoteGap,
    /// A word from the daemon about itself.
    DaemonNote,
    /// Records were lost: the queue was full. Written by the log itself.
    Lost,
}

impl ActivityKind {
    /// Its name in the file; a fact has its fact's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fact(kind) => kind.as_str(),
            Self::PolicyRan => "policy_ran",
            Self::PolicySkipped => "policy_skipped",
            Self::QuoteGap => "quote_gap",
            Self::DaemonNote => "daemon_note",
            Self::Lost => "lost",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "policy_ran" => Some(Self::PolicyRan),
            "policy_skipped" => Some(Self::PolicySkipped),
            "quote_gap" => Some(Self::QuoteGap),
            "daemon_note" => Some(Self::DaemonNote),
            "lost" => Some(Self::Lost),
            fact => FactKind::parse(fact).map(Self::Fact),
        }
    }
}

/// Who caused a record, without the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Manual,
    Policy,
    Broker,
    Recovery,
    Host,
}

/// One record. Longer texts are cut; a fact's whole text stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, by the event's own time.
    pub at: Timestamp,
    /// The number of the ledger's fact; 0 where there is none.
    pub fact_seq: u64,
    /// The transaction's number; 0 where there is none.
    pub transaction: u64,
    /// Milliseconds, where it is about a span.
    pub span_ms: Option<u32>,
    /// What it is about.
    pub kind: ActivityKind,
    /// A number before.
    pub before: InlineDecimal,
    /// The number after.
    pub after: InlineDecimal,
    /// A quantity.
    pub quantity: InlineDecimal,
    /// The account; empty for the daemon itself.
    pub account: InlineStr<16>,
    /// The instrument.
    pub symbol: InlineStr<21>,
    /// A code.
    pub code: InlineStr<24>,
    /// Words for people.
    pub text: InlineStr<84>,
    actor: Actor,
    actor_name: InlineStr<20>,
}

const _: () = assert!(size_of::<Record>() <= 256, "a record is four cache lines");

impl Record {
    /// A record with nothing but its time and kind, caused by the host.
    pub fn new(at: Timestamp, kind: ActivityKind) -> Self {
        Self {
            at,
            fact_seq: 0,
            transaction: 0,
            span_ms: None,
            kind,
            before: InlineDecimal::NONE,
            after: InlineDecimal::NONE,
            quantity: InlineDecimal::NONE,
            account: InlineStr::EMPTY,
            symbol: InlineStr::EMPTY,
            code: InlineStr::EMPTY,
            text: InlineStr::EMPTY,
            actor: Actor::Host,
            actor_name: InlineStr::EMPTY,
        }
    }

    /// The record of a committed fact.
    pub fn from_fact(fact: &Fact, seq: u64) -> Self {
        let empty = Self::new(fact.at, ActivityKind::Fact(fact.kind)).caused_by(&fact.source);
        Self {
            fact_seq: seq,
            transaction: fact.transaction.map_or(0, |transaction| transaction.0),
            span_ms: fact.span_ms.map(|span| u32::try_from(span).unwrap_or(u32::MAX)),
            before: fact.before.into(),
            after: fact.after.into(),
            quantity: fact.quantity.into(),
            account: fact.account.as_ref().map_or(InlineStr::EMPTY, |name| name.as_str().into()),
            symbol: fact.symbol.as_ref().map_or(InlineStr::EMPTY, |name| name.as_str().into()),
            code: InlineStr::new(&fact.code),
            text: InlineStr::new(&fact.text),
            ..empty
        }
    }

    /// The same record, caused by `source`.
    #[must_use]
    pub fn caused_by(self, source: &Source) -> Self {
        let (actor, name) = match source {
            Source::Manual(name) => (Actor::Manual, name.as_str()),
            Source::Policy { name, .. } => (Actor::Policy, name.as_str()),
            Source::Broker => (Actor::Broker, ""),
            Source::Recovery => (Actor::Recovery, ""),
            Source::Host => (Actor::Host, ""),
        };
        Self { actor, actor_name: name.into(), ..self }
    }

    /// `manual(name)`, `policy(name)`, `broker`, `recovery` or `host`.
    pub fn source_label(&self) -> String {
        match self.actor {
            Actor::Manual => format!("manual({})", self.actor_name.as_str()),
            Actor::Policy => format!("policy({})", self.actor_name.as_str()),
            Actor::Broker => "broker".to_owned(),
            Actor::Recovery => "recovery".to_owned(),
            Actor::Host => "host".to_owned(),
        }
    }
}
