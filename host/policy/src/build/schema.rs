//! What a script declares about itself: `POLICY`, `PARAMS`, `TIMERS`, `STATE`.
//!
//! Apart because these are read as literals, without executing anything. Whatever cannot be read
//! that way is refused.

use bracketd_core::diagnostic::Diagnostic;
use rhai::{Dynamic, Map};
use rust_decimal::Decimal;

use super::compile::{Compiled, DECLARATIONS};
use crate::calendar::Schedule;
use crate::data::{number, parse_duration_ms};
use crate::event::EventKind;
use crate::params::{ParamKind, ParamSpec, ParamValue};
use crate::source::SourceFile;
use crate::span::{self, nearest};

/// A timer that a script wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// The name that `on_timer` is called with.
    pub name: String,
    /// When.
    pub schedule: Schedule,
}

/// What is done with a transaction that its policy is not asked about any more, because it failed
/// there too often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Stops and targets stay as they are.
    #[default]
    Keep,
    /// The stop is brought to so many percent behind the market, unless it is nearer already.
    Tighten(Decimal),
    /// What is held is closed at the market.
    Close,
}

/// Everything declared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    pub(crate) version: String,
    pub(crate) doc: String,
    pub(crate) on_error: OnError,
    pub(crate) removed: Vec<EventKind>,
    pub(crate) params: Vec<ParamSpec>,
    pub(crate) timers: Vec<Timer>,
    pub(crate) state: Option<Map>,
    /// The version of what is kept: `version` in `STATE`, else 1.
    pub(crate) state_version: i64,
}

/// The interface version that scripts state.
const API: i64 = 1;
const POLICY_KEYS: [&str; 6] = ["name", "version", "api", "on_error", "tighten_pct", "removed"];
const PARAM_KEYS: [&str; 8] = ["type", "init", "min", "max", "step", "doc", "unit", "options"];

/// Reads the declarations.
pub(super) fn header(file: &SourceFile, compiled: &Compiled) -> Result<Header, Vec<Diagnostic>> {
    let mut reader = Reader { file, from: 0, found: Vec::new() };
    let mut header = Header { doc: file.doc(), state_version: 1, ..Header::default() };
    for name in DECLARATIONS {
        let place = span::of_word(&file.text, name, 0);
        reader.from = place.map_or(0, |(start, _)| start);
        let Some(value) = compiled.declaration(name) else {
            if name == "POLICY" {
                reader.missing();
            } else if file.text.contains(&format!("const {name}")) {
                reader.complain(name, format!("{name} must be a literal map"));
            }
            continue;
        };
        let Some(map) = value.try_cast::<Map>() else {
            reader.complain(name, format!("{name} must be a map: `const {name} = #{{ ... }};`"));
            continue;
        };
        match name {
            "POLICY" => reader.policy(&map, &mut header),
            "PARAMS" => header.params = reader.params(&map),
            "TIMERS" => header.timers = reader.timers(&map),
            _ => reader.state(map, &mut header),
        }
    }
    if reader.found.is_empty() { Ok(header) } else { Err(reader.found) }
}

struct Reader<'a> {
    file: &'a SourceFile,
    from: usize,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn complain(&mut self, word: &str, message: String) {
        let place = span::of_word(&self.file.text, word, self.from).unwrap_or((0, 0));
        self.found.push(span::complain(self.file, "P006", place, message));
    }

    fn missing(&mut self) {
        let mut found = span::complain(self.file, "P006", (0, 0), "the script has no POLICY");
        found.help =
            Some(format!("begin with const POLICY = #{{ version: \"1.0.0\", api: {API} }};"));
        self.found.push(found);
    }

    fn stray(&mut self, map: &Map, known: &[&str], what: &str) {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let near = nearest(key, known.iter().copied());
            let help = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
            self.complain(key, format!("{what} has no {key}{help}"));
        }
    }

    fn policy(&mut self, map: &Map, header: &mut Header) {
        self.stray(map, &POLICY_KEYS, "POLICY");
        match map.get("name").map(text) {
            None => {}
            Some(Some(name)) if name == self.file.name => {}
            Some(_) => {
                let name = &self.file.name;
                self.complain("name", format!("the name must be the file's: \"{name}\""));
            }
        }
        match map.get("version").and_then(text) {
            Some(version) => header.version = version,
            None => self.complain("POLICY", "POLICY needs a version: \"1.0.0\"".to_owned()),
        }
        match map.get("api").and_then(|value| value.as_int().ok()) {
            Some(API) => {}
            _ => self.complain("POLICY", format!("POLICY needs api: {API}")),
        }
        self.on_error(map, header);
        let Some(removed) = map.get("removed") else { return };
        let names = removed.as_array_ref().ok().map(|names| names.iter().map(text).collect());
        let names: Vec<Option<String>> = names.unwrap_or_else(|| vec![None]);
        for name in names {
            match name.as_deref().and_then(EventKind::of_handler) {
                Some(kind) => header.removed.push(kind),
                None => self.complain("removed", "removed must list event names".to_owned()),
            }
        }
    }

    fn on_error(&mut self, map: &Map, header: &mut Header) {
        let percent = map.get("tighten_pct").map(number);
        let is_part = |pct: &Decimal| *pct > Decimal::ZERO && *pct < Decimal::ONE_HUNDRED;
        header.on_error = match (map.get("on_error").map(text), percent) {
            (None, None) => OnError::Keep,
            (Some(Some(word)), None) if word == "keep" => OnError::Keep,
            (Some(Some(word)), None) if word == "close" => OnError::Close,
            (Some(Some(word)), Some(Some(pct))) if word == "tighten" && is_part(&pct) => {
                OnError::Tighten(pct)
            }
            (Some(Some(word)), _) if word == "tighten" => {
                let message = "on_error: \"tighten\" needs tighten_pct, the stop's distance from \
                               the market in percent: 2.0";
                return self.complain("on_error", message.to_owned());
            }
            (_, Some(_)) => {
                let message = "tighten_pct goes with on_error: \"tighten\" only";
                return self.complain("tighten_pct", message.to_owned());
            }
            _ => {
                let message = "on_error is \"keep\", \"tighten\" or \"close\"";
                return self.complain("on_error", message.to_owned());
            }
        };
    }

    fn params(&mut self, map: &Map) -> Vec<ParamSpec> {
        let mut all = Vec::new();
        for (name, value) in map {
            let Some(fields) = value.read_lock::<Map>() else {
                self.complain(name, format!("{name} must be a map with type and init"));
                continue;
            };
            self.stray(&fields, &PARAM_KEYS, name);
            match spec(name, &fields) {
                Ok(spec) => all.push(spec),
                Err(message) => self.complain(name, message),
            }
        }
        all
    }

    fn state(&mut self, mut map: Map, header: &mut Header) {
        if let Some(version) = map.remove("version") {
            match version.as_int().ok().filter(|version| *version > 0) {
                Some(version) => header.state_version = version,
                None => self.complain("STATE", "version of STATE is a number from 1".to_owned()),
            }
        }
        header.state = Some(map);
    }

    fn timers(&mut self, map: &Map) -> Vec<Timer> {
        let mut all = Vec::new();
        for (name, value) in map {
            let read = match text(value) {
                Some(text) => Schedule::parse(&text),
                None => Err("it is no text".to_owned()),
            };
            match read {
                Ok(schedule) => all.push(Timer { name: name.to_string(), schedule }),
                Err(why) => self.complain(name, format!("the timer {name}: {why}")),
            }
        }
        all
    }
}

fn spec(name: &str, fields: &Map) -> Result<ParamSpec, String> {
    let kind = fields.get("type").and_then(text).as_deref().and_then(ParamKind::parse);
    let Some(kind) = kind else {
        return Err(format!("{name} needs a type: decimal, int, bool, duration or string"));
    };
    let read = |key: &str| match fields.get(key) {
        None => Ok(None),
        Some(value) => match param_value(kind, value) {
            Some(value) => Ok(Some(value)),
            None => Err(format!("{key} of {name} is no {}", kind.as_str())),
        },
    };
    let Some(init) = read("init")? else {
        return Err(format!("{name} needs init, the value it has unless configured"));
    };
    let options = match fields.get("options").map(|value| value.as_array_ref()) {
        None => Vec::new(),
        Some(Ok(list)) => list.iter().filter_map(text).collect(),
        Some(Err(_)) => return Err(format!("options of {name} must be a list of texts")),
    };
    let spec = ParamSpec {
        name: name.to_owned(),
        kind,
        min: read("min")?,
        max: read("max")?,
        options,
        doc: fields.get("doc").and_then(text).unwrap_or_default(),
        step: read("step")?,
        unit: fields.get("unit").and_then(text).unwrap_or_default(),
        init,
    };
    if spec.step.as_ref().is_some_and(|step| !step.is_above_zero()) {
        return Err(format!("step of {name} must be a number above 0"));
    }
    spec.admit(&spec.init).map_err(|error| error.to_string())?;
    Ok(spec)
}

fn param_value(kind: ParamKind, value: &Dynamic) -> Option<ParamValue> {
    match kind {
        ParamKind::Bool => value.as_bool().ok().map(ParamValue::Bool),
        ParamKind::Int => value.as_int().ok().map(ParamValue::Int),
        ParamKind::Decimal if value.is_string() => None,
        ParamKind::Decimal => number(value).map(ParamValue::Decimal),
        ParamKind::Duration => parse_duration_ms(&text(value)?).map(ParamValue::Duration),
        ParamKind::Text => text(value).map(ParamValue::Text),
    }
}

fn text(value: &Dynamic) -> Option<String> {
    value.as_immutable_string_ref().ok().map(|text| text.to_string())
}
