//! Traps that only the whole file shows: a name that hides the toolkit's, a timer that nobody hears,
//! a parameter that nothing reads.
//!
//! Apart from the traps of one function because each needs the declarations, or all functions at once.

use std::collections::BTreeSet;

use bracketd_core::diagnostic::Diagnostic;
use rhai::{ASTNode, Expr, Stmt};

use super::infer::Function;
use super::schema::Header;
use super::traps::warning;
use crate::api::entries;
use crate::event::EventKind;
use crate::source::SourceFile;
use crate::span::{complain, nearest, of_function, of_position, of_word};

/// The traps of a file as a whole.
pub(super) fn of_file(
    file: &SourceFile,
    functions: &[Function<'_>],
    header: Option<&Header>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for function in functions {
        let arity = Some(function.parameters.len());
        let own = |e: &&crate::api::Entry| e.owner.is_empty() && e.name == function.name;
        if let Some(entry) = entries().iter().filter(own).find(|e| e.arity == arity) {
            let place = of_function(&file.text, function.name);
            let message =
                format!("`{}` is the toolkit's own, and this one takes its place", entry.name);
            let mut trap = complain(file, "P020", place, message);
            trap.help = Some("give it another name".to_owned());
            found.push(trap);
        }
    }
    let Some(header) = header else { return found };
    found.extend(timers(file, functions, header));
    for param in &header.params {
        let Some((from, to)) = of_word(&file.text, &param.name, 0) else { continue };
        if of_word(&file.text, &param.name, to).is_none() {
            let message = format!("nothing reads the parameter `{}`", param.name);
            found.push(warning(complain(file, "P023", (from, to), message)));
        }
    }
    found
}

/// Timers that nobody hears, and names that no timer has.
fn timers(file: &SourceFile, functions: &[Function<'_>], header: &Header) -> Vec<Diagnostic> {
    let Some(handler) = functions.iter().find(|f| f.name == EventKind::Timer.handler()) else {
        let timer = header.timers.first();
        let found = timer.map(|timer| {
            let place = of_word(&file.text, &timer.name, 0).unwrap_or_default();
            let message = format!("the timer {} beats, and there is no on_timer", timer.name);
            let mut found = complain(file, "P022", place, message);
            found.help = Some(format!("write `fn {}`", EventKind::Timer.signature()));
            found
        });
        return found.into_iter().collect();
    };
    let Some(name) = handler.parameters.get(1) else { return Vec::new() };
    let mut found = Vec::new();
    handler.body.walk(&mut |path: &[ASTNode<'_>]| {
        let call = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _))) if call.name == "==" => call,
            _ => return true,
        };
        if let [Expr::Variable(variable, ..), Expr::StringConstant(text, at)] = &call.args[..]
            && variable.1 == *name
            && !header.timers.iter().any(|timer| timer.name == text.as_str())
        {
            let message = format!("TIMERS has no {text}, so this never happens");
            let mut trap = complain(file, "P022", of_position(&file.text, *at), message);
            let near = nearest(text, header.timers.iter().map(|timer| timer.name.as_str()));
            trap.help = near.map(|near| format!("did you mean `{near}`?"));
            found.push(trap);
        }
        true
    });
    found
}

/// The verbs that functions call, each at its first place.
pub(crate) fn verbs<'a>(
    file: &SourceFile,
    ast: &rhai::AST,
    is_verb: impl Fn(&str) -> Option<&'a str>,
) -> Vec<(&'a str, (usize, usize))> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        let call = match path.last() {
            Some(ASTNode::Stmt(Stmt::FnCall(call, at)) | ASTNode::Expr(Expr::FnCall(call, at))) => {
                (call, at)
            }
            _ => return true,
        };
        if let Some(verb) = is_verb(&call.0.name)
            && seen.insert(verb)
        {
            all.push((verb, of_position(&file.text, *call.1)));
        }
        true
    });
    all
}
