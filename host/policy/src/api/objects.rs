//! The objects that handlers are called with.
//!
//! Apart because they are mere handles: `t`, `m` and `p` hold nothing and read the run's frame.

use std::sync::Arc;

use bracketd_core::broker::Bar;
use bracketd_core::transaction::Transaction;
use rhai::{Dynamic, FuncArgs, ImmutableString};
use serde_json::{Map, Value};

use super::Toolkit;
use crate::data::{ScriptPrice, ScriptTime, Span, duration_text};
use crate::event::{Event, FillInfo, Outside};
use crate::failure::{ScriptResult, missing, script_error};
use crate::frame;
use crate::params::Values;
use crate::run::Run;

/// `t`: the run's own transaction with what the run has asked for so far, or another one as it is.
#[derive(Clone)]
pub(crate) enum Tx {
    Own,
    Other(Arc<Transaction>),
}

/// `m`: the market of the run's instrument.
#[derive(Clone, Copy)]
pub(crate) struct Market;

/// `p`: the run's parameters.
#[derive(Clone, Copy)]
pub(crate) struct ParamsHandle;

/// `p`, for a call that is about no event.
pub(crate) fn params_handle() -> Dynamic {
    Dynamic::from(ParamsHandle)
}

/// `intent` of `on_ack` and `on_reject`.
#[derive(Clone)]
pub(crate) struct Asked(ImmutableString);

/// `why` of `on_reject`.
#[derive(Clone)]
pub(crate) struct Reason {
    code: ImmutableString,
    message: ImmutableString,
}

/// `result` of `on_close`.
#[derive(Clone, Copy)]
pub(crate) struct ResultHandle;

/// The arguments of the event's handler.
pub(crate) fn arguments<'a>(event: &'a Event<'a>) -> impl FuncArgs + 'a {
    Arguments(event)
}

struct Arguments<'a>(&'a Event<'a>);

impl FuncArgs for Arguments<'_> {
    fn parse<ARGS: Extend<Dynamic>>(self, args: &mut ARGS) {
        let mut push = |value: Dynamic| args.extend(std::iter::once(value));
        if !matches!(self.0, Event::Portfolio(_)) {
            push(Dynamic::from(Tx::Own));
        }
        match *self.0 {
            Event::Arm | Event::Start | Event::Open | Event::EntryChange => {}
            Event::Waiting | Event::Tick => push(Dynamic::from(Market)),
            Event::Fill(fill) | Event::ExitFill(fill) => push(Dynamic::from(fill)),
            Event::Bar(bar) => push(Dynamic::from(bar)),
            Event::Timer(name) => push(name.into()),
            Event::Ack { verb } => push(Dynamic::from(Asked(verb.into()))),
            Event::Reject { verb, code, message } => {
                push(Dynamic::from(Asked(verb.into())));
                push(Dynamic::from(Reason { code: code.into(), message: message.into() }));
            }
            Event::Close => push(Dynamic::from(ResultHandle)),
            Event::External(change) => push(Dynamic::from(change)),
            Event::Session(phase) => push(phase.as_str().into()),
            Event::Portfolio(portfolio) => push(Dynamic::from(Arc::clone(portfolio))),
        }
        push(Dynamic::from(ParamsHandle));
    }
}

pub(super) fn register(kit: &mut Toolkit<'_>) {
    kit.kind::<Tx>("Transaction");
    kit.kind::<Market>("Market");
    kit.kind::<ParamsHandle>("Params");
    kit.kind::<ScriptPrice>("Price");
    kit.kind::<Span>("Duration");
    params(kit);
    spans(kit);
    event_objects(kit);
}

fn params(kit: &mut Toolkit<'_>) {
    kit.engine().register_indexer_get(
        |_: &mut ParamsHandle, name: ImmutableString| -> ScriptResult<Dynamic> {
            frame::with(|frame| frame.values.get(&name).map_err(|e| script_error(e.to_string())))
        },
    );
}

fn spans(kit: &mut Toolkit<'_>) {
    let whole = |n: i64, unit_ms: u64| -> ScriptResult<Span> {
        let ms = u64::try_from(n).ok().and_then(|n| n.checked_mul(unit_ms));
        ms.map(Span).ok_or_else(|| script_error(format!("{n} is no length of time")))
    };
    kit.function("seconds(n: int) -> Duration", "So many seconds.", move |n: i64| whole(n, 1_000));
    kit.function("minutes(n: int) -> Duration", "So many minutes.", move |n: i64| whole(n, 60_000));
    kit.function("hours(n: int) -> Duration", "So many hours.", move |n: i64| whole(n, 3_600_000));
    kit.function("days(n: int) -> Duration", "So many days of 24 hours.", move |n: i64| {
        whole(n, 86_400_000)
    });
    kit.property("Duration", "seconds: int", "Whole seconds.", |span: &mut Span| {
        i64::try_from(span.0 / 1_000).unwrap_or(i64::MAX)
    });
    kit.overload("to_string", |span: &mut Span| duration_text(span.0));
}

fn event_objects(kit: &mut Toolkit<'_>) {
    kit.kind::<FillInfo>("Fill");
    let doc = "At what price.";
    kit.property("Fill", "price: Price", doc, |fill: &mut FillInfo| ScriptPrice(fill.price));
    kit.property("Fill", "qty: decimal", "How much.", |fill: &mut FillInfo| fill.quantity.get());
    kit.property("Fill", "leg: string", "`entry`, `stop`, `target` or `close`.", leg_of);
    outside(kit);
    kit.kind::<Bar>("Bar");
    kit.property("Bar", "at: Time", "When it began.", |bar: &mut Bar| ScriptTime(bar.at));
    kit.property("Bar", "open: Price", "First price.", |bar: &mut Bar| ScriptPrice(bar.open));
    kit.property("Bar", "high: Price", "Highest price.", |bar: &mut Bar| ScriptPrice(bar.high));
    kit.property("Bar", "low: Price", "Lowest price.", |bar: &mut Bar| ScriptPrice(bar.low));
    kit.property("Bar", "close: Price", "Last price.", |bar: &mut Bar| ScriptPrice(bar.close));
    kit.kind::<Asked>("Asked");
    kit.property("Asked", "kind: string", "The verb.", |asked: &mut Asked| asked.0.clone());
    kit.kind::<Reason>("Reason");
    let doc = "The neutral code, such as `STOP_THROUGH_MARKET`.";
    kit.property("Reason", "code: string", doc, |why: &mut Reason| why.code.clone());
    kit.property("Reason", "message: string", "The words.", |why: &mut Reason| why.message.clone());
    kit.kind::<ResultHandle>("Result");
    kit.property("Result", "reason: string", "Why it ended.", |_: &mut ResultHandle| {
        super::transaction::read(&Tx::Own, |_, tx| {
            Ok(ImmutableString::from(tx.close_reason.as_deref().unwrap_or("unknown")))
        })
    });
    kit.property("Result", "exit: Price", "Average exit price.", |_: &mut ResultHandle| {
        super::transaction::read(&Tx::Own, |_, tx| match tx.exit_price() {
            Some(price) => Ok(ScriptPrice(price)),
            None => missing("nothing has left the transaction"),
        })
    });
    kit.property("Result", "pnl: decimal", "Profit of all that left.", |_: &mut ResultHandle| {
        super::transaction::read(&Tx::Own, |frame, tx| {
            Ok(super::transaction::figures(frame, tx, &Tx::Own).realized)
        })
    });
}

fn outside(kit: &mut Toolkit<'_>) {
    const E: &str = "External";
    kit.kind::<Outside>(E);
    kit.property(E, "leg: string", "`stop` or `target`.", |change: &mut Outside| {
        ImmutableString::from(change.leg.as_str())
    });
    kit.property(E, "what: string", "`moved`, `resized` or `canceled`.", |change: &mut Outside| {
        ImmutableString::from(change.what)
    });
    kit.property(E, "before: Price", "Its price before.", |change: &mut Outside| {
        match change.before {
            Some(price) => Ok(ScriptPrice(price)),
            None => missing("the order had no price"),
        }
    });
    kit.property(E, "after: Price", "Its price from now on.", |change: &mut Outside| match change
        .after
    {
        Some(price) => Ok(ScriptPrice(price)),
        None => missing("the order is gone"),
    });
}

fn leg_of(fill: &mut FillInfo) -> ScriptResult<ImmutableString> {
    frame::with(|frame| {
        Ok(match (fill.leg, frame.run.event) {
            (Some(leg), _) => leg.as_str().into(),
            (None, Event::ExitFill(_)) => "close".into(),
            (None, _) => "entry".into(),
        })
    })
}

/// What the run decided on, as JSON.
pub(crate) fn inputs(run: &Run<'_>, values: &Values) -> String {
    let mut all = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            all.insert(name.to_owned(), Value::String(value));
        }
    };
    let text = |price: Option<bracketd_core::money::Price>| price.map(|price| price.to_string());
    put("event", Some(run.event.kind().handler().to_owned()));
    let quote = run.quote.as_ref();
    put("bid", text(quote.and_then(|q| q.bid)));
    put("ask", text(quote.and_then(|q| q.ask)));
    put("last", text(quote.and_then(|q| q.last)));
    put("peak", text(run.history.peak));
    put("trough", text(run.history.trough));
    if let Event::Portfolio(figures) = run.event {
        let from = run.account.control.baseline;
        put("equity", figures.equity.map(|equity| equity.to_string()));
        put("day_equity", from.map(|from| from.day_equity.to_string()));
        put("peak_equity", from.map(|from| from.peak_equity.to_string()));
        put("exposure", Some(figures.exposure.to_string()));
        put("unrealized", Some(figures.unrealized.to_string()));
    } else {
        let tx = &run.transaction;
        put("status", Some(tx.status.as_str().to_owned()));
        put("entry", text(tx.entry_price().or(Some(tx.entry.reference))));
        put("held", Some(tx.held().to_string()));
        put("stop", text(tx.desired.stop));
        put("target", text(tx.desired.target));
    }
    match run.event {
        Event::Timer(name) => put("timer", Some(name.to_owned())),
        Event::Session(phase) => put("phase", Some(phase.as_str().to_owned())),
        _ => {}
    }
    if !run.state.is_empty() {
        put("state", Some(run.state.to_owned()));
    }
    let params = values.texts().map(|(name, text)| (name.to_owned(), Value::String(text)));
    all.insert("params".to_owned(), Value::Object(params.collect()));
    Value::Object(all).to_string()
}
