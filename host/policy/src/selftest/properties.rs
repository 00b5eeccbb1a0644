//! What must hold of every policy, whatever it is for: the property suite of `policy test` and
//! `policy check`.
//!
//! Apart from a policy's own tests because nobody has to write these. A policy that breaks one on
//! purpose says so with a reason in its test file: `const EXEMPT = #{ mirror: "longs only" };`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bracketd_core::diagnostic::Diagnostic;
use bracketd_core::ids::PolicyName;
use bracketd_core::order::Direction;
use rhai::Map;

use super::fixture::Subject;
use super::paths::{Journey, PATHS, Path, travel};
use super::report::Twins;
use super::trace::{TestCall, TestStep};
use crate::limits::OPERATIONS_MAX;
use crate::set::PolicySet;
use crate::source::{SourceFile, Sources};
use crate::span::{complain, nearest, of_position, of_word};
use crate::{build, engine};

/// Name and meaning of each property.
pub const PROPERTIES: [(&str, &str); 7] = [
    ("ends_well", "no run fails"),
    ("same_twice", "the same history gives the same decisions"),
    ("never_widens", "no stop is asked to move away from the price"),
    (
        "within_limits",
        "nothing is asked that is refused for good; no run takes half its operations",
    ),
    ("missing_data", "no exit is moved on a price that is not there"),
    ("partial_fills", "an entry that fills in parts ends up as one that fills at once"),
    ("mirror", "a short does what the long does, mirrored"),
];

/// Refusals that a price which moves on can explain, where it does not jump.
const BY_PRICE: [&str; 2] = ["STOP_WRONG_SIDE", "TARGET_WRONG_SIDE"];

/// What became of one property of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyResult {
    /// The policy.
    pub policy: PolicyName,
    /// The property, as in [`PROPERTIES`].
    pub property: &'static str,
    /// The path it broke on.
    pub path: Option<&'static str>,
    /// How, at the line that asked; none where it holds.
    pub failure: Option<Diagnostic>,
    /// Why it need not hold, where the test file says so.
    pub exempt: Option<String>,
}

/// Tries every property of every policy that builds.
pub fn run_properties(sources: &Sources) -> Vec<PropertyResult> {
    let untested = Sources { tests: Vec::new(), ..sources.clone() };
    let built = PolicySet::build(&untested, None).set;
    let twins = Twins::of(sources, &built);
    let mut all = Vec::new();
    for file in &sources.policies {
        let Some(policy) = twins.policy(&file.policy_name()) else { continue };
        let subject = Subject { policy, marks: Some(Arc::clone(&twins.marks)) };
        let suite = Suite::of(&subject, &twins, file);
        let exempt = exempt(sources.tests.iter().find(|test| test.name == file.name));
        let (exempt, mut wrong) = match exempt {
            Ok(map) => (map, None),
            Err(found) => (Map::new(), Some(*found)),
        };
        for (property, _) in PROPERTIES {
            let reason = exempt.get(property).map(ToString::to_string);
            let broken = if reason.is_some() { None } else { suite.broken(property) };
            let wrong = wrong.take().map(|found| (None, found));
            let broken = wrong.or(broken.map(|(path, found)| (Some(path), found)));
            let (path, failure) = broken.map_or((None, None), |(path, found)| (path, Some(found)));
            let policy = file.policy_name();
            all.push(PropertyResult { policy, property, path, failure, exempt: reason });
        }
    }
    all
}

/// What speaks against the policies that are looked at: the properties that they break.
pub(crate) fn broken(
    sources: &Sources,
    is_looked_at: impl Fn(&PolicyName) -> bool,
) -> Vec<(PolicyName, Vec<Diagnostic>)> {
    let is_concerned = |file: &&SourceFile| is_looked_at(&file.policy_name());
    let policies: Vec<SourceFile> = sources.policies.iter().filter(is_concerned).cloned().collect();
    if policies.is_empty() {
        return Vec::new();
    }
    let mut all: BTreeMap<PolicyName, Vec<Diagnostic>> = BTreeMap::new();
    for result in run_properties(&Sources { policies, values: None, ..sources.clone() }) {
        if let Some(found) = result.failure {
            all.entry(result.policy).or_default().push(found);
        }
    }
    all.into_iter().collect()
}

/// The properties that need not hold, each with the reason.
fn exempt(tests: Option<&SourceFile>) -> Result<Map, Box<Diagnostic>> {
    let Some(file) = tests else { return Ok(Map::new()) };
    let (mut engine, _) = engine::new();
    // What does not compile is told by the tests themselves.
    let value = build::constant(&mut engine, file, "EXEMPT");
    let Some(value) = value.and_then(rhai::Dynamic::try_cast::<Map>) else {
        return Ok(Map::new());
    };
    for (name, reason) in &value {
        let place = of_word(&file.text, name, 0).unwrap_or_default();
        let known = || PROPERTIES.iter().map(|(name, _)| *name);
        if !known().any(|property| property == name.as_str()) {
            let mut found = complain(file, "P011", place, format!("there is no property {name}"));
            let near = nearest(name, known());
            found.help = near.map(|near| format!("did you mean `{near}`?"));
            return Err(Box::new(found));
        }
        if reason.to_string().trim().is_empty() {
            let message = format!("{name} is exempt without a reason");
            return Err(Box::new(complain(file, "P011", place, message)));
        }
    }
    Ok(value)
}

/// The ways that one policy has gone.
struct Suite<'a> {
    file: &'a SourceFile,
    ways: Vec<(&'static Path, [Journey; 2], Journey)>,
}

type Broken = Option<(&'static str, Diagnostic)>;

impl<'a> Suite<'a> {
    fn of(subject: &Subject, twins: &Twins, file: &'a SourceFile) -> Self {
        let go = |path, direction| {
            let journey = travel(subject, path, direction);
            Journey { steps: twins.placed(journey.steps), ..journey }
        };
        let ways = PATHS.iter().map(|path| {
            let both = [go(path, Direction::Long), go(path, Direction::Short)];
            (path, both, go(path, Direction::Long))
        });
        Self { file, ways: ways.collect() }
    }

    fn broken(&self, property: &str) -> Broken {
        match property {
            "ends_well" => self.ends_well(),
            "same_twice" => self.same_twice(),
            // A fill may move the stop to where it belongs around the real price.
            "never_widens" => self.refused(|step, call| {
                call.widens && !["on_open", "on_fill"].contains(&step.event.as_str())
            }),
            "within_limits" => self.within_limits(),
            "missing_data" => self.refused(|step, call| {
                let moves = !["close_position", "cancel_entry"].contains(&call.verb.as_str());
                step.with == "without a price" && moves
            }),
            "partial_fills" => self.partial_fills(),
            _ => self.mirror(),
        }
    }

    /// Each way of each path.
    fn each(&self) -> impl Iterator<Item = (&'static Path, &Journey)> {
        self.ways.iter().flat_map(|(path, both, _)| both.iter().map(|way| (*path, way)))
    }

    fn ends_well(&self) -> Broken {
        let (path, error) =
            self.each().find_map(|(path, way)| Some((path, way.error.as_ref()?)))?;
        let start = format!("{}:", self.file.path);
        let mut words = error.strip_prefix(&start).unwrap_or("").splitn(3, ':');
        let mut number = || words.next().and_then(|n| n.parse::<u16>().ok()).unwrap_or(0);
        let (line, column) = (number(), number());
        let place = match (line, column) {
            (0, _) | (_, 0) => (0, 0),
            _ => of_position(&self.file.text, rhai::Position::new(line, column)),
        };
        let message = words.next().map_or(error.as_str(), str::trim);
        Some((path.name, self.tell("ends_well", path, None, place, message)))
    }

    fn same_twice(&self) -> Broken {
        let (path, [first, _], second) = self.ways.iter().find(|(_, [a, _], b)| a != b)?;
        let differs = first.steps.iter().zip(&second.steps).find(|(a, b)| a != b);
        let step = differs.map(|(step, _)| step);
        let call = step.and_then(|step| step.calls.first());
        let message = "it decided otherwise when the same happened again";
        Some((path.name, self.tell("same_twice", path, step, self.place(call), message)))
    }

    fn within_limits(&self) -> Broken {
        let heavy = self.each().find(|(_, way)| way.operations > OPERATIONS_MAX / 2);
        if let Some((path, way)) = heavy {
            let message = format!("a run took {} of {OPERATIONS_MAX} operations", way.operations);
            return Some((path.name, self.tell("within_limits", path, None, (0, 0), &message)));
        }
        self.ways.iter().find_map(|(path, both, _)| {
            let for_good = |call: &&TestCall| {
                let code = call.code.as_str();
                is_refusal(code)
                    && code != "LOOSENS"
                    && (is_final(code) || (BY_PRICE.contains(&code) && !path.jumps))
            };
            let steps = both.iter().flat_map(|way| &way.steps);
            let (step, call) = steps
                .flat_map(|step| step.calls.iter().map(move |c| (step, c)))
                .find(|(_, c)| for_good(c))?;
            let message = format!("{} was refused: {} {}", call.verb, call.code, call.message);
            let place = self.place(Some(call));
            Some((path.name, self.tell("within_limits", path, Some(step), place, &message)))
        })
    }

    fn refused(&self, is_bad: impl Fn(&TestStep, &TestCall) -> bool) -> Broken {
        self.each().find_map(|(path, way)| {
            let calls = way.steps.iter().flat_map(|step| step.calls.iter().map(move |c| (step, c)));
            let (step, call) = calls.into_iter().find(|(step, call)| is_bad(step, call))?;
            let (verb, wish) = (&call.verb, &call.wish);
            let widens = call.widens;
            let property = if widens { "never_widens" } else { "missing_data" };
            let message = match widens {
                true => format!("{verb} {wish} risks more than the stop that is there"),
                false => format!("{verb} {wish} was asked without a price"),
            };
            Some((
                path.name,
                self.tell(property, path, Some(step), self.place(Some(call)), &message),
            ))
        })
    }

    fn partial_fills(&self) -> Broken {
        let way = |name: &str| self.ways.iter().find(|(path, ..)| path.name == name);
        let (_, whole, _) = way("filled at once")?;
        let (path, parts, _) = way("filled in parts")?;
        let differs = whole.iter().zip(parts).find(|(a, b)| a.desired != b.desired)?;
        let (whole, parts) = differs;
        let text = |price: Option<bracketd_core::money::Price>| {
            price.map_or("none".to_owned(), |price| price.get().normalize().to_string())
        };
        let message = format!(
            "stop {} and target {}, but {} and {} when it fills at once",
            text(parts.desired.0),
            text(parts.desired.1),
            text(whole.desired.0),
            text(whole.desired.1)
        );
        let last = parts.steps.iter().rev().find(|step| !step.calls.is_empty());
        let place = self.place(last.and_then(|step| step.calls.last()));
        Some((path.name, self.tell("partial_fills", path, last, place, &message)))
    }

    fn mirror(&self) -> Broken {
        self.ways.iter().find_map(|(path, [long, short], _)| {
            let ends =
                |step: &TestStep| ["on_exit_fill", "on_close"].contains(&step.event.as_str());
            let pairs = long.steps.iter().zip(&short.steps);
            // An exit that a price touches ends the comparison: percents of another price differ.
            let (one, other) = pairs
                .take_while(|(a, b)| !ends(a) && !ends(b))
                .find(|(a, b)| alike(a) != alike(b))?;
            let (a, b) = (alike(one), alike(other));
            let first = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
            let say = |list: &[(String, String)]| match list.get(first) {
                Some((verb, code)) => format!("{verb} -> {code}"),
                None => "nothing".to_owned(),
            };
            let message = format!("the long: {}; the short: {}", say(&a), say(&b));
            let call = other.calls.get(first).or(one.calls.get(first));
            Some((path.name, self.tell("mirror", path, Some(one), self.place(call), &message)))
        })
    }

    fn place(&self, call: Option<&TestCall>) -> (usize, usize) {
        let Some(call) = call.filter(|call| call.file == self.file.path) else { return (0, 0) };
        let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let position = rhai::Position::new(number(call.line.max(1)), number(call.column));
        of_position(&self.file.text, position)
    }

    fn tell(
        &self,
        property: &str,
        path: &Path,
        step: Option<&TestStep>,
        place: (usize, usize),
        message: &str,
    ) -> Diagnostic {
        let at = step.map_or(String::new(), |step| {
            format!(", at {}", format!("{} {}", step.event, step.with).trim_end())
        });
        let message = format!("{property} on \"{}\"{at}: {message}", path.name);
        let mut found = complain(self.file, "P011", place, message);
        let (_, meaning) =
            PROPERTIES.iter().find(|(name, _)| *name == property).unwrap_or(&("", ""));
        found.help = Some(format!(
            "{meaning}; if it is meant, say const EXEMPT = #{{ {property}: \"why\" }}; in {}_test.rhai",
            self.file.name
        ));
        found
    }
}

/// What two mirrored steps have in common: verbs, and whether and why each was refused.
fn alike(step: &TestStep) -> Vec<(String, String)> {
    let code = |call: &TestCall| match is_refusal(&call.code) {
        true => call.code.clone(),
        false => "accepted".to_owned(),
    };
    step.calls.iter().map(|call| (call.verb.clone(), code(call))).collect()
}

fn is_refusal(code: &str) -> bool {
    !["STORED", "STAGED", "UNCHANGED"].contains(&code)
}

/// Whether the refusal stays, however often it is asked.
fn is_final(code: &str) -> bool {
    bracketd_core::refusal::Refusal::ALL.iter().any(|r| r.code() == code && !r.retryable())
}
