//! Parameters: what a script declares, what the configuration sets, what a run reads.
//!
//! Apart because three parties meet here. The declaration is a literal in the script and is read
//! without executing anything; a value that does not fit it is never run with.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use rhai::{Dynamic, ImmutableString};
use rust_decimal::Decimal;

use crate::data::{Span, duration_text, parse_duration_ms};

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
        match value {
            ParamValue::Text(text) if !self.options.is_empty() && !self.options.contains(&text) => {
                Err(ParamError::NotAnOption { name, text, options: self.options.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// What the configuration sets for a policy: texts by parameter name, read by the script's own
/// declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Sets one. `text` is what a JSON or TOML file would say: `2.5`, `true`, `"5d"`.
    pub fn set(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), text.to_owned());
    }

    /// Names and texts, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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

    /// The script's values with what the configuration sets.
    pub(crate) fn resolve(
        defaults: &Arc<Self>,
        specs: &[ParamSpec],
        set: &Params,
    ) -> Result<Arc<Self>, ParamError> {
        if set.is_empty() {
            return Ok(Arc::clone(defaults));
        }
        let mut values = Self::clone(defaults);
        for (name, text) in set.iter() {
            let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
                return Err(unknown(name, specs.iter().map(|spec| spec.name.as_str())));
            };
            let Some(value) = ParamValue::parse(spec.kind, text) else {
                let (name, text) = (name.to_owned(), text.to_owned());
                return Err(ParamError::NotA { name, text, kind: spec.kind });
            };
            spec.admit(&value)?;
            if let Some(slot) = values.0.iter_mut().find(|(slot, ..)| slot == name) {
                slot.2 = value.dynamic();
                slot.1 = value;
            }
        }
        Ok(Arc::new(values))
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

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> ParamError {
    let near = crate::span::nearest(name, known).map(str::to_owned);
    ParamError::Unknown { name: name.to_owned(), near }
}
