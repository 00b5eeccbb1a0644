//! Parameters: what a script declares, what the configuration sets, what a run reads.
//!
//! Apart because three parties meet here. The declaration is a literal in the script and is read
//! without executing anything; a value that does not fit it is never run with.

pub(crate) mod file;
pub(crate) mod scope;

use std::str::FromStr;
use std::sync::Arc;

use rhai::{Dynamic, ImmutableString, Map};
use rust_decimal::Decimal;

use crate::data::{Span, duration_text, parse_duration_ms};

pub use file::{ValueFile, Written};
pub use scope::{About, Params, Scope};

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// A number with decimals.
    Decimal,
    /// A whole number.
    Int,
    /// True or false.
    Bool,
    /// A length of time: `90s`, `5m`, `2h`, `1d`.
    Duration,
    /// Text; one of the options, where there are any.
    Text,
}

impl ParamKind {
    /// As scripts write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decimal => "decimal",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Duration => "duration",
            Self::Text => "string",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Decimal, Self::Int, Self::Bool, Self::Duration, Self::Text]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamValue {
    /// A number with decimals.
    Decimal(Decimal),
    /// A whole number.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// A length of time in milliseconds.
    Duration(u64),
    /// Text.
    Text(String),
}

impl ParamValue {
    /// Reads the text as a value of that kind; quotes around it are taken off.
    pub fn parse(kind: ParamKind, text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        match kind {
            ParamKind::Decimal => Decimal::from_str(bare).ok().map(Self::Decimal),
            ParamKind::Int => bare.parse().ok().map(Self::Int),
            ParamKind::Bool => bare.parse().ok().map(Self::Bool),
            ParamKind::Duration => parse_duration_ms(bare).map(Self::Duration),
            ParamKind::Text => Some(Self::Text(bare.to_owned())),
        }
    }

    /// The number to compare with the bounds; none for what has no order.
    fn rank(&self) -> Option<Decimal> {
        match self {
            Self::Decimal(value) => Some(*value),
            Self::Int(value) => Some((*value).into()),
            Self::Duration(ms) => Some((*ms).into()),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }

    pub(crate) fn is_above_zero(&self) -> bool {
        self.rank().is_some_and(|rank| rank > Decimal::ZERO)
    }

    fn dynamic(&self) -> Dynamic {
        match self {
            Self::Decimal(value) => Dynamic::from_decimal(*value),
            Self::Int(value) => Dynamic::from_int(*value),
            Self::Bool(value) => Dynamic::from_bool(*value),
            Self::Duration(ms) => Dynamic::from(Span(*ms)),
            Self::Text(value) => Dynamic::from(ImmutableString::from(value.as_str())),
        }
    }
}

impl std::fmt::Display for ParamValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Decimal(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::Duration(ms) => f.write_str(&duration_text(*ms)),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// A configured value that a script cannot be run with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// The script declares no such parameter.
    #[error("there is no parameter {name}{}", hint(near.as_deref()))]
    Unknown {
        /// The name.
        name: String,
        /// The declared name that was perhaps meant.
        near: Option<String>,
    },
    /// The text cannot be read as what the parameter holds.
    #[error("{name} = {text} is no {}", kind.as_str())]
    NotA {
        /// The parameter.
        name: String,
        /// What was given.
        text: String,
        /// What it holds.
        kind: ParamKind,
    },
    /// Below the declared smallest value.
    #[error("{name} = {value} is below its smallest value {min}")]
    Below {
        /// The parameter.
        name: String,
        /// What was given.
        value: ParamValue,
        /// The bound.
        min: ParamValue,
    },
    /// Above the declared largest value.
    #[error("{name} = {value} is above its largest value {max}")]
    Above {
        /// The parameter.
        name: String,
        /// What was given.
        value: ParamValue,
        /// The bound.
        max: ParamValue,
    },
    /// Between two steps.
    #[error("{name} = {value} is on no step of {step} from {from}")]
    OffStep {
        /// The parameter.
        name: String,
        /// What was given.
        value: ParamValue,
        /// The declared step.
        step: ParamValue,
        /// Where steps begin: the smallest value, else 0.
        from: ParamValue,
    },
    /// The values do not go together, as the script's own `check_params` says.
    #[error("check_params refuses: {0}")]
    Together(String),
    /// None of the declared texts.
    #[error("{name} = \"{text}\" is none of {}", options.join(", "))]
    NotAnOption {
        /// The parameter.
        name: String,
        /// What was given.
        text: String,
        /// What may be given.
        options: Vec<String>,
    },
}

fn hint(near: Option<&str>) -> String {
    near.map_or(" in PARAMS".to_owned(), |near| format!("; did you mean {near}?"))
}

/// What a script declares of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSpec {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ParamKind,
    /// Its value unless the configuration sets another.
    pub init: ParamValue,
    /// Smallest value.
    pub min: Option<ParamValue>,
    /// Largest value.
    pub max: Option<ParamValue>,
    /// The texts that are allowed; empty means any.
    pub options: Vec<String>,
    /// What it is for.
    pub doc: String,
    /// Values lie on steps of this from the smallest value, else from 0.
    pub step: Option<ParamValue>,
    /// The unit, for people.
    pub unit: String,
}

impl ParamSpec {
    /// Why the value does not fit.
    ///
    /// # Errors
    /// The bound or the list that it breaks.
    pub fn admit(&self, value: &ParamValue) -> Result<(), ParamError> {
        let (name, value) = (self.name.clone(), value.clone());
        if let (Some(rank), Some(min)) = (value.rank(), &self.min)
            && min.rank().is_some_and(|min| rank < min)
        {
            return Err(ParamError::Below { name, value, min: min.clone() });
        }
        if let (Some(rank), Some(max)) = (value.rank(), &self.max)
            && max.rank().is_some_and(|max| rank > max)
        {
            return Err(ParamError::Above { name, value, max: max.clone() });
        }
        if let (Some(rank), Some(step)) = (value.rank(), &self.step) {
            let from = self.min.as_ref();
            let start = from.and_then(ParamValue::rank).unwrap_or_default();
            let rest = step.rank().and_then(|step| rank.checked_sub(start)?.checked_rem(step));
            if rest != Some(Decimal::ZERO) {
                let from = from.cloned().unwrap_or(ParamValue::Int(0));
                return Err(ParamError::OffStep { name, value, step: step.clone(), from });
            }
        }
        match value {
            ParamValue::Text(text) if !self.options.is_empty() && !self.options.contains(&text) => {
                Err(ParamError::NotAnOption { name, text, options: self.options.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// The values of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values(Vec<(String, ParamValue, Dynamic)>);

impl Values {
    /// The script's own values.
    pub(crate) fn defaults(specs: &[ParamSpec]) -> Arc<Self> {
        let value = |spec: &ParamSpec| (spec.name.clone(), spec.init.clone(), spec.init.dynamic());
        Arc::new(Self(specs.iter().map(value).collect()))
    }

    /// The script's values with what is set in those scopes.
    pub(crate) fn resolve(
        defaults: &Self,
        specs: &[ParamSpec],
        (params, scopes): (&Params, &[Scope]),
    ) -> Result<Self, ParamError> {
        let mut values = defaults.clone();
        for (_, name, text) in params.within(scopes) {
            let value = read(specs, name, text)?;
            if let Some(slot) = values.0.iter_mut().find(|(slot, ..)| slot == name) {
                slot.2 = value.dynamic();
                slot.1 = value;
            }
        }
        Ok(values)
    }

    /// As `check_params` is given them.
    pub(crate) fn map(&self) -> Map {
        self.0.iter().map(|(name, _, value)| (name.as_str().into(), value.clone())).collect()
    }

    /// The value a script reads, or what to say about the unknown name.
    pub(crate) fn get(&self, name: &str) -> Result<Dynamic, ParamError> {
        match self.0.iter().find(|(known, ..)| known == name) {
            Some((_, _, value)) => Ok(value.clone()),
            None => Err(unknown(name, self.0.iter().map(|(name, ..)| name.as_str()))),
        }
    }

    /// Names and values as texts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value, _)| (name.as_str(), value.to_string()))
    }
}

/// The text as a value of that parameter.
pub(crate) fn read(specs: &[ParamSpec], name: &str, text: &str) -> Result<ParamValue, ParamError> {
    let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
        return Err(unknown(name, specs.iter().map(|spec| spec.name.as_str())));
    };
    let Some(value) = ParamValue::parse(spec.kind, text) else {
        let (name, text) = (name.to_owned(), text.to_owned());
        return Err(ParamError::NotA { name, text, kind: spec.kind });
    };
    spec.admit(&value)?;
    Ok(value)
}

/// A value that decides, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// What the script declares of it.
    pub spec: ParamSpec,
    /// The value.
    pub value: ParamValue,
    /// The scope that set it.
    pub from: Scope,
}

/// Every parameter with the value that decides there.
pub(crate) fn effective(
    specs: &[ParamSpec],
    (params, scopes): (&Params, &[Scope]),
) -> Result<Vec<Effective>, ParamError> {
    let own = |spec: &ParamSpec| Effective {
        spec: spec.clone(),
        value: spec.init.clone(),
        from: Scope::Script,
    };
    let mut all: Vec<Effective> = specs.iter().map(own).collect();
    for (scope, name, text) in params.within(scopes) {
        let value = read(specs, name, text)?;
        if let Some(slot) = all.iter_mut().find(|slot| slot.spec.name == name) {
            slot.value = value;
            slot.from = scope.clone();
        }
    }
    Ok(all)
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> ParamError {
    let near = crate::span::nearest(name, known).map(str::to_owned);
    ParamError::Unknown { name: name.to_owned(), near }
}
