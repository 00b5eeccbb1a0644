//! A terminal for scenarios: what people, the market and the broker do, line by line, and what is
//! seen afterwards.
//!
//! Apart because every case reads as such a transcript. A line that begins with `>` is done, the
//! lines below it are what it has to print. The words are in `words.rs`.

use std::fmt::Write as _;

use bracketd_core::book::AccountRules;
use bracketd_core::fact::FactKind;
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Outcome, Source};
use bracketd_core::protection::Protection;
use bracketd_core::transaction::Transaction;
use bracketd_policy::{PolicySet, SourceFile, Sources};
use bracketd_sim::broker::Capabilities;
use bracketd_sim::stage::Stage;

use crate::words::{self, command_words};

/// A stage with somebody who types.
pub(crate) struct Terminal {
    /// For what no word exists.
    pub(crate) stage: Stage,
    /// The transaction that a line without a number is about.
    pub(crate) newest: TransactionId,
    sent: usize,
    told: usize,
}

/// Rules that refuse nothing a case is not about.
pub(crate) fn rules() -> AccountRules {
    AccountRules { quote_age_ms_max: 600_000, ..AccountRules::default() }
}

/// Plays a transcript at a broker of that kind.
pub(crate) fn session(caps: Capabilities, transcript: &str) -> Terminal {
    session_with(caps, rules(), transcript)
}

/// The same under rules of the account's own.
pub(crate) fn session_with(caps: Capabilities, rules: AccountRules, transcript: &str) -> Terminal {
    let mut terminal = Terminal::new(caps, rules);
    terminal.play(transcript);
    terminal
}

impl Terminal {
    pub(crate) fn new(caps: Capabilities, rules: AccountRules) -> Self {
        let stage = Stage::with_policies(caps, rules, policies());
        Self { stage, newest: TransactionId(0), sent: 0, told: 0 }
    }

    /// Does what the lines say and compares what they print.
    pub(crate) fn play(&mut self, transcript: &str) -> &mut Self {
        let lines = transcript.lines().map(str::trim);
        let lines: Vec<&str> = lines.filter(|l| !l.is_empty() && !l.starts_with("--")).collect();
        let (mut wanted, mut seen) = (String::new(), String::new());
        for line in lines {
            let _infallible = writeln!(wanted, "{line}");
            if let Some(typed) = line.strip_prefix("> ") {
                let _infallible = writeln!(seen, "{line}");
                for printed in self.line(typed) {
                    let _infallible = writeln!(seen, "{printed}");
                }
            }
        }
        assert!(wanted == seen, "wanted:\n{wanted}\nseen:\n{seen}");
        self
    }

    fn line(&mut self, typed: &str) -> Vec<String> {
        let words: Vec<&str> = typed.split_whitespace().collect();
        match *words.as_slice() {
            ["show"] => self.show(),
            ["sent"] => self.sent(),
            ["told"] => self.told(),
            ["account"] => ["SIM", "TWO"].map(|s| format!("{s} {}", self.stage.held(s))).to_vec(),
            ["policy", ref rest @ ..] => {
                let digest = "a digest".to_owned();
                self.ask(rest, Source::Policy { name: "trail".into(), digest })
            }
            ["stranger", ref rest @ ..] => {
                let digest = "another".to_owned();
                self.ask(rest, Source::Policy { name: "stranger".into(), digest })
            }
            _ if words::happens(self, &words) => Vec::new(),
            _ => self.ask(&words, Source::Manual("ann".to_owned())),
        }
    }

    /// A request; `#2 stop 96` is about transaction 2.
    fn ask(&mut self, words: &[&str], source: Source) -> Vec<String> {
        let (id, words) = match words {
            [first, rest @ ..] if first.starts_with('#') => (words::number(first), rest),
            _ => (self.newest, words),
        };
        let intent = words::intent(id, words);
        let opens = intent.transaction().is_none();
        let verdict = self.stage.ask_as(intent, source);
        match (verdict.outcome, verdict.transaction) {
            (Outcome::Refused(_), _) | (_, None) => vec![verdict.code().to_owned()],
            (_, Some(id)) if opens => {
                self.newest = id;
                vec![format!("#{id} {}", verdict.code())]
            }
            _ => vec![verdict.code().to_owned()],
        }
    }

    /// Every transaction, then every live order at the broker.
    fn show(&self) -> Vec<String> {
        let all = self.stage.engine().book().transactions.values();
        let mut lines: Vec<String> = all.map(|tx| line_of(tx)).collect();
        lines.extend(self.stage.rows());
        lines
    }

    /// Commands since the last look.
    fn sent(&mut self) -> Vec<String> {
        let new = self.stage.sent.get(self.sent..).unwrap_or_default();
        let lines = new.iter().map(command_words).collect();
        self.sent = self.stage.sent.len();
        lines
    }

    /// What people were told since the last look: alarms, differences, times without a stop.
    fn told(&mut self) -> Vec<String> {
        let new = self.stage.facts.get(self.told..).unwrap_or_default();
        let shown = |kind: FactKind| {
            matches!(
                kind,
                FactKind::Alarm
                    | FactKind::Difference
                    | FactKind::Unprotected
                    | FactKind::AccountDown
                    | FactKind::GuardTripped
            )
        };
        let lines = new
            .iter()
            .filter(|fact| shown(fact.kind))
            .map(|fact| format!("{} {}", fact.kind.as_str(), fact.code))
            .collect();
        self.told = self.stage.facts.len();
        lines
    }
}

fn line_of(tx: &Transaction) -> String {
    let (id, status, held) = (tx.id, tx.status.as_str(), tx.held());
    if tx.status.is_ended() {
        return format!("#{id} {status} {}", tx.close_reason.as_deref().unwrap_or("-"));
    }
    match tx.protection {
        Protection::Unprotected { why, .. } => {
            format!("#{id} {status} {held} unprotected({})", why.as_str())
        }
        protection => format!("#{id} {status} {held} {}", protection.as_str()),
    }
}

/// Two policies that do nothing by themselves: the terminal speaks for them.
fn policies() -> PolicySet {
    let file = |name: &str| {
        let head = format!("const POLICY = #{{ name: \"{name}\", version: \"1\", api: 1 }};");
        let text = format!("//! Does nothing by itself.\n{head}\n\nfn on_open(t, p) {{\n}}\n");
        SourceFile::new(name, &format!("{name}.rhai"), &text)
    };
    let policies = vec![file("trail"), file("stranger")];
    let report = PolicySet::build(&Sources { policies, ..Sources::default() }, None);
    assert!(report.refused.is_empty(), "{:#?}", report.refused);
    report.set
}
