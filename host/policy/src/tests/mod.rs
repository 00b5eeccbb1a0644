//! Tests of the whole way from a script's text to what a run asks for.

mod builds;
mod figures;
mod ladder;
mod lints;
mod properties;
mod rehearsals;
mod reports;
mod runs;
mod standing;
mod traps;
mod values;

use std::sync::Arc;

use bracketd_core::Decimal;
use bracketd_core::book::{Account, AccountRules, Book};
use bracketd_core::broker::{Bar, Quote};
use bracketd_core::ids::PolicyName;
use bracketd_core::instrument::Instrument;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::order::Direction;
use bracketd_core::transaction::Transaction;

use crate::selftest::fixture::{START, instrument, transaction};
use crate::selftest::world::hold;
use crate::{
    Event, History, Params, PolicySet, Ran, Run, RunBudget, RunOutcome, SourceFile, Sources,
    Unbounded, Verbs,
};

const HEADER: &str = "const POLICY = #{ version: \"1\", api: 1 };\n";

/// One policy, one transaction of 10 at 100 with a stop at 95, one market at 100.
struct Bed {
    set: PolicySet,
    tx: Transaction,
    account: Account,
    instrument: Arc<Instrument>,
    quote: Option<Quote>,
    bars: Vec<Bar>,
    params: Params,
    state: String,
    allowed: Verbs,
    budget: Box<dyn RunBudget>,
    book: Option<Book>,
}

fn price(text: &str) -> Price {
    Price::new(text.parse().expect("a number")).expect("a price")
}

fn policy() -> PolicyName {
    PolicyName::new("p")
}

fn sources(script: &str) -> Sources {
    let file = SourceFile::new("p", "policies/p.rhai", &format!("{HEADER}{script}"));
    Sources { policies: vec![file], ..Sources::default() }
}

fn bed(script: &str) -> Bed {
    let report = PolicySet::build(&sources(script), None);
    assert_eq!(report.refused, [], "it builds");
    let set = report.set;
    let ten = Quantity::new(Decimal::TEN).expect("ten");
    let prices = (Some(price("95")), None);
    let of = set.policy(&policy()).expect("p");
    let mut tx = transaction(of, Direction::Long, ten, price("100"), prices);
    hold(&mut tx, price("100"), ten, START);
    let mut account = Account::new(tx.account.clone(), AccountRules::default());
    account.is_reconciled = true;
    Bed {
        account,
        instrument: Arc::new(instrument(&tx.symbol, Decimal::new(1, 2))),
        quote: Some(Quote {
            symbol: tx.symbol.clone(),
            bid: Some(price("100")),
            ask: Some(price("100.02")),
            last: None,
            at: START,
        }),
        bars: Vec::new(),
        params: Params::default(),
        state: String::new(),
        allowed: Verbs::default(),
        budget: Box::new(Unbounded),
        book: None,
        set,
        tx,
    }
}

/// A bed whose policy does this on each tick.
fn on_tick(body: &str) -> Bed {
    bed(&format!("fn on_tick(t, m, p) {{ {body} }}"))
}

impl Bed {
    fn tick(&self) -> Ran {
        self.event(Event::Tick)
    }

    fn event(&self, event: Event<'_>) -> Ran {
        let run = Run {
            event,
            transaction: Arc::new(self.tx.clone()),
            account: &self.account,
            instrument: Arc::clone(&self.instrument),
            quote: self.quote.clone(),
            history: History { seconds: 60, bars: (&self.bars, &[]), peak: None, trough: None },
            params: &self.params,
            state: &self.state,
            now: START,
            allowed: &self.allowed,
            budget: &*self.budget,
            portfolio: self.book.as_ref(),
        };
        self.set.run(&policy(), run)
    }
}

/// The outcome as one line: `done`, `skipped: ...`, `limit: ...`.
fn line(ran: &Ran) -> String {
    match &ran.outcome {
        RunOutcome::Done => "done".to_owned(),
        RunOutcome::Skipped(what) => format!("skipped: {what}"),
        RunOutcome::Failed(failure) => format!("{}: {}", failure.kind.as_str(), failure.message),
    }
}
