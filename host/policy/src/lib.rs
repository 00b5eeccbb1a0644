//! The Rhai policy host: reads what risk teams write, and runs it within bounds.
//!
//! It is a crate of its own because nothing else may know the script language. It reads no file,
//! no clock and no network: sources, time and prices are arguments. A script only proposes (I10):
//! what it asks for passes the core's gate and comes back as a list; nothing here changes a
//! transaction or talks to a broker.
//!
//! Reading order: [`Sources`] in, [`PolicySet::build`] makes a [`PolicySet`], [`Run`] in, [`Ran`]
//! out.

mod allowed;
mod api;
mod bars;
mod build;
mod calendar;
mod data;
mod definitions;
mod engine;
mod event;
mod failure;
mod frame;
mod gate;
pub mod limits;
mod params;
mod policy;
mod portfolio;
mod rehearse;
mod run;
mod selftest;
mod set;
mod shipped;
mod source;
mod span;
mod state;
mod verbs;

#[cfg(test)]
mod tests;

pub use bars::History;
pub use build::schema::{OnError, Timer};
pub use calendar::{Edge, Schedule, TimeOfDay};
pub use data::parse_duration_ms;
pub use definitions::{Topic, definitions, topics};
pub use event::{Event, EventKind, FillInfo, Outside, Phase};
pub use failure::{Failure, FailureKind};
pub use params::{
    About, Effective, ParamError, ParamKind, ParamSpec, ParamValue, Params, Scope, ValueFile,
    Written,
};
pub use policy::Policy;
pub use portfolio::AccountRun;
pub use rehearse::{AskMoments, Moment, Moments, Sample, Subject};
pub use run::{Ran, Run, RunBudget, RunOutcome, Unbounded};
pub use selftest::{
    Coverage, PROPERTIES, PropertyResult, Snapshot, TestCall, TestOptions, TestReport, TestResult,
    TestStep, run_properties, run_tests, test_words,
};
pub use set::{BuildReport, Change, PolicySet, Refused};
pub use shipped::shipped;
pub use source::{ReadFault, SourceFile, Sources};
pub use verbs::{UnknownVerb, Verbs};
