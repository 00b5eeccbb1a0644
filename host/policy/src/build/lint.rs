//! What can be found wrong in a script without running it.
//!
//! Apart because Rhai finds these only when the branch runs, and the branch of a stop-loss that
//! runs rarely is the one that matters.

use std::collections::BTreeSet;

use bracketd_core::diagnostic::Diagnostic;
use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::compile::Compiled;
use super::functions::{Functions, Known};
use super::infer::{self, Flow};
use super::schema::Header;
use super::traps;
use super::types::Types;
use super::whole;
use crate::api::entries;
use crate::event::EventKind;
use crate::source::SourceFile;
use crate::span::{complain, nearest, of_function, of_position};

/// Names that scripts of other hosts have, and what to say about them.
const ABSENT: [(&str, &str); 5] = [
    ("sleep", "a policy never waits; use TIMERS and on_timer"),
    ("timestamp", "a policy has no clock; t.age() and TIMERS tell the time"),
    ("eval", "a policy runs only what was checked"),
    ("rand", "a policy decides the same twice"),
    ("parse_json", "a policy reads its PARAMS and what it is given"),
];

/// Every finding, in order of place. `header` is none for a library.
pub(super) fn check(
    file: &SourceFile,
    compiled: &Compiled,
    functions: &Functions,
    header: Option<&Header>,
) -> Vec<Diagnostic> {
    let mut lint = Lint { file, functions, found: Vec::new() };
    lint.top_level(&compiled.plain);
    let functions = infer::functions(&compiled.plain);
    let params = header.map_or(&[][..], |header| &header.params);
    let flow = match header {
        Some(_) => Flow::of(&functions, params),
        None => Flow::default(),
    };
    for function in &functions {
        if header.is_some() {
            lint.handler(function.name, function.parameters.len());
        }
        let types = flow.types(function, params);
        lint.body(&function.body, &types);
        lint.found.extend(traps::of_body(file, function, &types, header));
    }
    lint.found.extend(whole::of_file(file, &functions, header));
    lint.found.sort_by_key(|found| found.span);
    lint.found.dedup();
    lint.found
}

struct Lint<'a> {
    file: &'a SourceFile,
    functions: &'a Functions,
    found: Vec<Diagnostic>,
}

impl Lint<'_> {
    fn add(&mut self, code: &'static str, at: Position, message: String) -> &mut Diagnostic {
        let span = of_position(&self.file.text, at);
        self.found.push(complain(self.file, code, span, message));
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    fn top_level(&mut self, ast: &AST) {
        let statements = ast.statements().iter();
        let stray: Vec<Position> = statements
            .filter(|stmt| match stmt {
                Stmt::Var(_, flags, _) => !flags.contains(ASTFlags::CONSTANT),
                Stmt::Noop(_) => false,
                _ => true,
            })
            .map(Stmt::position)
            .collect();
        for position in stray {
            let message = "only const and fn may stand outside of functions".to_owned();
            self.add("P007", position, message);
        }
    }

    fn handler(&mut self, name: &str, arity: usize) {
        if !name.starts_with("on_") {
            return;
        }
        let at = of_function(&self.file.text, name);
        match EventKind::of_handler(name) {
            Some(kind) if kind.parameters().len() == arity => {}
            Some(kind) => {
                let wanted = kind.parameters().len();
                let message = format!("{name} takes {wanted} parameters, not {arity}");
                let mut found = complain(self.file, "P005", at, message);
                found.help = Some(format!("write `fn {}`", kind.signature()));
                self.found.push(found);
            }
            None => {
                let message = format!("there is no event {name}");
                let mut found = complain(self.file, "P005", at, message);
                let near = nearest(name, EventKind::ALL.iter().map(|kind| kind.handler()));
                found.help = near.map(|near| format!("did you mean `{near}`?"));
                self.found.push(found);
            }
        }
    }

    fn body(&mut self, ast: &AST, types: &Types<'_>) {
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::FnCall(call, at)))
                | Some(ASTNode::Expr(Expr::FnCall(call, at))) => self.call(call, *at, types),
                Some(ASTNode::Expr(Expr::MethodCall(call, at))) => {
                    let known = self.functions.method(&call.name, call.args.len());
                    self.unknown(known, &call.name, call.args.len(), *at);
                }
                Some(ASTNode::Expr(dot @ Expr::Dot(..))) => {
                    if let Err(stray) = types.of_expression(dot) {
                        let message = format!("{} has no `{}`", stray.owner, stray.name);
                        let found = self.add("P003", stray.position, message);
                        found.help = stray.help;
                    }
                }
                _ => {}
            }
            true
        });
    }

    fn call(&mut self, call: &FnCallExpr, at: Position, types: &Types<'_>) {
        if call.op_token.is_some() {
            self.division(call, at, types);
            return;
        }
        let (name, arity) = (call.name.as_str(), call.args.len());
        let known = match call.namespace.path.first() {
            Some(library) => self.functions.library(&library.name, name, arity),
            None => self.functions.call(name, arity),
        };
        self.unknown(known, name, arity, at);
        let is_verb = entries().iter().any(|e| e.name == name && e.signature.contains("why: "));
        if is_verb
            && let Some(Expr::StringConstant(why, position)) = call.args.last()
            && why.trim().is_empty()
        {
            let message = format!("{name} needs a reason: it goes to the ledger");
            self.add("P004", *position, message);
        }
    }

    fn unknown(&mut self, known: Known, name: &str, arity: usize, at: Position) {
        match known {
            Known::Yes => {}
            Known::OtherArity(arities) => {
                let message = format!("{name} takes {} arguments, not {arity}", list(&arities));
                let found = self.add("P004", at, message);
                found.help = signature(name);
            }
            Known::No(near) => {
                let found = self.add("P004", at, format!("unknown function `{name}`"));
                found.label = "not a bracketd function".to_owned();
                let absent = ABSENT.iter().find(|(absent, _)| *absent == name);
                found.help = match (absent, near) {
                    (Some((_, why)), _) => Some((*why).to_owned()),
                    (None, Some(near)) => Some(match signature(&near) {
                        Some(signature) => format!("did you mean `{near}`? {signature}"),
                        None => format!("did you mean `{near}`?"),
                    }),
                    (None, None) => None,
                };
            }
        }
    }

    fn division(&mut self, call: &FnCallExpr, at: Position, types: &Types<'_>) {
        if call.name != "/" {
            return;
        }
        let whole = |e: &Expr| matches!(types.of_expression(e), Ok(Some("int")));
        if let [left, right] = &call.args[..]
            && whole(left)
            && whole(right)
        {
            let message = "a whole number divided by a whole number loses its fraction".to_owned();
            let found = self.add("P008", at, message);
            found.help = Some("write one of them with a point, such as 3.0".to_owned());
        }
    }
}

fn list(arities: &BTreeSet<usize>) -> String {
    let texts: Vec<String> = arities.iter().map(usize::to_string).collect();
    texts.join(" or ")
}

fn signature(name: &str) -> Option<String> {
    let entry = entries().iter().find(|entry| entry.name == name && entry.arity.is_some())?;
    Some(format!("it is {}", entry.signature))
}
