//! The types of what functions are given, as far as a script can be read without running it.
//!
//! Apart because both the check of properties and the check of divisions ask it. It knows only
//! what follows from the types of parameters; for all else it says nothing.

use std::collections::BTreeMap;

use rhai::{Expr, Position};

use crate::api::entries;
use crate::params::ParamSpec;
use crate::span::nearest;

/// Types of variables within one function.
pub(super) struct Types<'a> {
    variables: BTreeMap<&'a str, &'static str>,
    params: &'a [ParamSpec],
}

/// A property that its type does not have.
pub(super) struct Stray {
    pub(super) owner: &'static str,
    pub(super) name: String,
    /// What may have been meant.
    pub(super) help: Option<String>,
    pub(super) position: Position,
}

impl<'a> Types<'a> {
    /// Of a function with these parameters, as far as their types are known.
    pub(super) fn of(
        parameters: &[&'a str],
        known: &[Option<&'static str>],
        params: &'a [ParamSpec],
    ) -> Self {
        let typed = parameters.iter().zip(known);
        let variables = typed.filter_map(|(name, kind)| Some((*name, (*kind)?))).collect();
        Self { variables, params }
    }

    /// The type of an expression, or the property that cannot be.
    pub(super) fn of_expression(&self, expression: &Expr) -> Result<Option<&'static str>, Stray> {
        match expression {
            Expr::IntegerConstant(..) => Ok(Some("int")),
            Expr::Variable(variable, ..) => Ok(self.variables.get(variable.1.as_str()).copied()),
            Expr::Dot(pair, ..) => match self.of_expression(&pair.lhs)? {
                Some(owner) => self.within(owner, &pair.rhs),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The type of what follows the dot.
    fn within(&self, owner: &'static str, rest: &Expr) -> Result<Option<&'static str>, Stray> {
        match rest {
            Expr::Dot(pair, ..) => match self.within(owner, &pair.lhs)? {
                Some(owner) => self.within(owner, &pair.rhs),
                None => Ok(None),
            },
            Expr::Property(property, position) => self.property(owner, &property.2, *position),
            Expr::MethodCall(call, _) => Ok(entries()
                .iter()
                .find(|e| e.owner == owner && e.name == call.name && e.arity.is_some())
                .and_then(|entry| entry.signature.split("-> ").nth(1))),
            _ => Ok(None),
        }
    }

    fn property(
        &self,
        owner: &'static str,
        name: &str,
        position: Position,
    ) -> Result<Option<&'static str>, Stray> {
        if owner == "Params" {
            let known = || self.params.iter().map(|spec| spec.name.as_str());
            return match self.params.iter().find(|spec| spec.name == name) {
                Some(spec) => Ok(Some(spec.kind.as_str())),
                None => Err(stray(owner, name, known(), position)),
            };
        }
        let own = || entries().iter().filter(|entry| entry.owner == owner);
        if own().next().is_none() {
            return Ok(None);
        }
        match own().find(|entry| entry.name == name && entry.arity.is_none()) {
            Some(entry) => Ok(entry.signature.split(": ").nth(1)),
            None => Err(stray(owner, name, own().map(|entry| entry.name), position)),
        }
    }
}

fn stray<'n>(
    owner: &'static str,
    name: &str,
    known: impl Iterator<Item = &'n str>,
    position: Position,
) -> Stray {
    let near = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
    Stray { owner, name: name.to_owned(), help: near.or_else(|| elsewhere(name)), position }
}

/// The objects that have what is called so, or begins so.
fn elsewhere(name: &str) -> Option<String> {
    let is_it = |found: &str| {
        found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    let of_objects = entries().iter().filter(|entry| !entry.owner.is_empty() && is_it(entry.name));
    let all: Vec<String> =
        of_objects.map(|entry| format!("{} has `{}`", entry.owner, entry.signature)).collect();
    (!all.is_empty()).then(|| all.join(", "))
}
