//! The types of a script's own functions' parameters, from how the script calls them.
//!
//! Apart from the types themselves because it looks at the file as a whole. Handlers are called by
//! the host, so their parameters are known; where every call of a helper gives the same type, that
//! is known too. Anything else stays unknown, and nothing is said about it.

use std::collections::BTreeMap;

use rhai::{AST, ASTNode, Expr, FnCallExpr, Stmt};

use super::types::Types;
use crate::event::EventKind;
use crate::params::ParamSpec;
use crate::policy::CHECK_PARAMS;

/// Helpers that call helpers are followed so deep.
const DEPTH_MAX: usize = 4;

#[derive(Clone, Copy, PartialEq)]
enum Guess {
    NeverGiven,
    Always(&'static str),
    Mixed,
}

/// One function of a script.
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) parameters: Vec<&'a str>,
    pub(super) body: AST,
}

/// What is known of every function's parameters.
#[derive(Default)]
pub(super) struct Flow(BTreeMap<(String, usize), Vec<Guess>>);

/// The functions of a script, each with its own tree.
pub(super) fn functions(ast: &AST) -> Vec<Function<'_>> {
    ast.iter_functions()
        .map(|function| {
            let (name, arity) = (function.name, function.params.len());
            // `clone_functions_only_filtered` of rhai 1.27 does not filter.
            let mut body = ast.clone_functions_only();
            body.retain_functions(|_, _, n, a| n == name && a == arity);
            Function { name, parameters: function.params, body }
        })
        .collect()
}

impl Flow {
    /// Follows the handlers' parameters through the script.
    pub(super) fn of(functions: &[Function<'_>], params: &[ParamSpec]) -> Self {
        let mut flow = Self::default();
        for _ in 0..DEPTH_MAX {
            let mut next = Self::default();
            for function in functions {
                let types = flow.types(function, params);
                function.body.walk(&mut |path: &[ASTNode<'_>]| {
                    if let Some(
                        ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)),
                    ) = path.last()
                    {
                        next.called(call, &types);
                    }
                    true
                });
            }
            flow = next;
        }
        flow
    }

    /// The types that hold within a function.
    pub(super) fn types<'a>(&self, function: &Function<'a>, params: &'a [ParamSpec]) -> Types<'a> {
        let arity = function.parameters.len();
        let given = EventKind::of_handler(function.name).map(EventKind::parameters);
        let given = given.or((function.name == CHECK_PARAMS).then_some(&["Params"][..]));
        let known: Vec<Option<&'static str>> = match given {
            Some(types) if types.len() == arity => types.iter().copied().map(Some).collect(),
            _ => self.guessed(function.name, arity),
        };
        Types::of(&function.parameters, &known, params)
    }

    fn guessed(&self, name: &str, arity: usize) -> Vec<Option<&'static str>> {
        let guesses = self.0.get(&(name.to_owned(), arity)).map_or(&[][..], Vec::as_slice);
        let known = guesses.iter().map(|guess| match guess {
            Guess::Always(kind) => Some(*kind),
            Guess::NeverGiven | Guess::Mixed => None,
        });
        known.collect()
    }

    fn called(&mut self, call: &FnCallExpr, types: &Types<'_>) {
        if call.op_token.is_some() || !call.namespace.path.is_empty() {
            return;
        }
        let key = (call.name.to_string(), call.args.len());
        let fresh = || vec![Guess::NeverGiven; call.args.len()];
        let guesses = self.0.entry(key).or_insert_with(fresh);
        for (guess, argument) in guesses.iter_mut().zip(&call.args) {
            let kind = types.of_expression(argument).ok().flatten();
            *guess = match (*guess, kind) {
                (Guess::NeverGiven, Some(kind)) => Guess::Always(kind),
                (Guess::Always(before), Some(kind)) if before == kind => Guess::Always(kind),
                _ => Guess::Mixed,
            };
        }
    }
}
