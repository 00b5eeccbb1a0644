//! Traps of the language that only a rare branch would show, found by reading.
//!
//! Apart from the other checks because each of these compiles, runs, and does something else than
//! it seems to: a comparison that is always false, a key that nobody reads, a loop without an end.

use bracketd_core::diagnostic::{Diagnostic, Severity};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::infer::Function;
use super::schema::Header;
use super::types::Types;
use crate::api::entries;
use crate::event::EventKind;
use crate::source::SourceFile;
use crate::span::{complain, nearest, of_position};

/// Operators whose result is a whole number's bits.
const BITS: [&str; 10] = ["<<", ">>", "&", "|", "^", "<<=", ">>=", "&=", "|=", "^="];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
/// Rhai's own rounding: to even, and knowing no ticks.
const ROUNDINGS: [&str; 5] = ["round", "floor", "ceiling", "int", "to_int"];

/// The traps of one function.
pub(super) fn of_body(
    file: &SourceFile,
    function: &Function<'_>,
    types: &Types<'_>,
    header: Option<&Header>,
) -> Vec<Diagnostic> {
    // What on_reload reads is what an older version declared; what it leaves is looked at when it ran.
    let is_reload = function.name == EventKind::Reload.handler();
    let state = header.and_then(|header| header.state.as_ref()).filter(|_| !is_reload);
    let is_handler = EventKind::of_handler(function.name).is_some();
    let mut traps = Traps { file, types, found: Vec::new() };
    function.body.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::FnCall(call, at)) | ASTNode::Expr(Expr::FnCall(call, at))) => {
                traps.called(call, *at);
            }
            Some(ASTNode::Expr(dot @ Expr::Dot(..))) => {
                traps.rounded_price(dot);
                if is_handler && let Some(state) = state {
                    traps.undeclared(dot, state);
                }
            }
            Some(ASTNode::Expr(Expr::ThisPtr(at))) if header.is_some() && !is_handler => {
                traps.this_in_helper(function.name, *at);
            }
            Some(ASTNode::Stmt(Stmt::Assignment(pair))) => {
                let op = pair.0.get_op_assignment_info().map(|(.., syntax, _, _)| syntax);
                if let Some(op) = op.filter(|op| BITS.contains(op)) {
                    traps.bits(op, pair.0.position());
                }
                traps.kept_function(&pair.1.lhs, &pair.1.rhs);
            }
            Some(ASTNode::Stmt(Stmt::While(flow, at))) => {
                traps.endless(flow.expr.is_constant(), *at)
            }
            Some(ASTNode::Stmt(Stmt::Do(_, _, at))) => traps.endless(false, *at),
            _ => {}
        }
        true
    });
    traps.found
}

struct Traps<'a> {
    file: &'a SourceFile,
    types: &'a Types<'a>,
    found: Vec<Diagnostic>,
}

impl Traps<'_> {
    fn add(&mut self, code: &'static str, at: Position, message: String, help: &str) {
        let mut trap = complain(self.file, code, of_position(&self.file.text, at), message);
        trap.help = Some(help.to_owned());
        self.found.push(trap);
    }

    fn called(&mut self, call: &FnCallExpr, at: Position) {
        let name = call.name.as_str();
        if call.op_token.is_some() {
            if BITS.contains(&name) {
                self.bits(name, at);
            } else if COMPARISONS.contains(&name) {
                self.compared(call, at);
            }
            return;
        }
        if ROUNDINGS.contains(&name) && call.args.iter().any(|arg| self.is_price(arg)) {
            self.rounding(name, at);
        }
        if call.namespace.path.is_empty() {
            self.arguments(call);
        }
    }

    fn bits(&mut self, op: &str, at: Position) {
        let message = format!("`{op}` works on bits and overflows without a word");
        let help = match op {
            "&" | "|" => format!("and, or of conditions are && and ||, not {op}"),
            _ => "write the number itself".to_owned(),
        };
        self.add("P013", at, message, &help);
    }

    fn compared(&mut self, call: &FnCallExpr, at: Position) {
        let [left, right] = &call.args[..] else { return };
        if matches!(left, Expr::Unit(..)) || matches!(right, Expr::Unit(..)) {
            let message = "a comparison with () decides nothing here".to_owned();
            let help = "missing data is never (): ask t.has_stop, t.has_target, m.has_quote first";
            return self.add("P012", at, message, help);
        }
        let (a, b) = (self.kind(left), self.kind(right));
        let (Some(a), Some(b)) = (a, b) else { return };
        if a != b && !(is_number(a) && is_number(b)) {
            let message = format!("{} does not compare with {}", named(a), named(b));
            let help = match (a, b) {
                ("Price", n) | (n, "Price") if is_number(n) => {
                    "compare prices with prices, or use `.value`"
                }
                ("Duration", _) | (_, "Duration") => "write minutes(5), hours(2), days(1)",
                _ => "compare values of the same kind",
            };
            self.add("P015", at, message, help);
        }
    }

    /// Arguments whose kind is known and is none of those that the toolkit takes.
    fn arguments(&mut self, call: &FnCallExpr) {
        let wanted = |e: &&crate::api::Entry| {
            e.owner.is_empty() && e.name == call.name && e.arity == Some(call.args.len())
        };
        let all: Vec<_> = entries().iter().filter(wanted).collect();
        let [entry] = all[..] else { return };
        let Some((_, rest)) = entry.signature.split_once('(') else { return };
        let list = rest.rsplit_once(')').map_or(rest, |(list, _)| list);
        for (argument, parameter) in call.args.iter().zip(list.split(", ")) {
            let Some((name, kinds)) = parameter.split_once(": ") else { continue };
            let Some(kind) = self.kind(argument) else { continue };
            let is_plain = kinds.chars().all(|c| c.is_alphanumeric() || " |".contains(c));
            if !is_plain || kinds.split(" | ").any(|wanted| wanted == kind) {
                continue;
            }
            let message = format!("{name} of {} is {}; it takes {kinds}", call.name, named(kind));
            self.add(
                "P015",
                argument.start_position(),
                message,
                &format!("it is {}", entry.signature),
            );
        }
    }

    fn rounded_price(&mut self, dot: &Expr) {
        let chain = chain(dot);
        let Some(Expr::MethodCall(call, at)) = chain.last() else { return };
        let has_price = chain.iter().any(|part| is_value(part)) || self.is_price(dot);
        if ROUNDINGS.contains(&call.name.as_str()) && has_price {
            self.rounding(&call.name, *at);
        }
    }

    fn rounding(&mut self, name: &str, at: Position) {
        let message = format!("`{name}` knows no ticks and rounds either way");
        let help = "give the price as it is: the verbs snap it to the tick, never risking more";
        self.add("P014", at, message, help);
    }

    fn undeclared(&mut self, dot: &Expr, state: &rhai::Map) {
        let Expr::Dot(pair, ..) = dot else { return };
        if !matches!(pair.lhs, Expr::ThisPtr(_)) {
            return;
        }
        if let Some(Expr::Property(property, at)) = chain(&pair.rhs).first()
            && !state.contains_key(property.2.as_str())
        {
            let key = &property.2;
            let near = nearest(key, state.keys().map(|key| key.as_str()));
            let help = match near {
                Some(near) => format!("did you mean `this.{near}`?"),
                None => format!("declare it: const STATE = #{{ {key}: ... }};"),
            };
            self.add("P017", *at, format!("STATE declares no {key}"), &help);
        }
    }

    fn this_in_helper(&mut self, name: &str, at: Position) {
        if self.file.text.contains(&format!(".{name}(")) {
            return;
        }
        let message = format!("`this` is empty in {name}: only handlers have it");
        self.add("P018", at, message, "pass it on: call it as `name(this, ...)`");
    }

    fn kept_function(&mut self, left: &Expr, right: &Expr) {
        let is_state = matches!(left, Expr::Dot(pair, ..) if matches!(pair.lhs, Expr::ThisPtr(_)));
        if let (true, Expr::FnCall(call, at)) = (is_state, right)
            && ["Fn", "curry"].contains(&call.name.as_str())
        {
            let message = "a function cannot be kept: its name means nothing to the next version";
            self.add("P016", *at, message.to_owned(), "keep a text or a flag and decide by it");
        }
    }

    fn endless(&mut self, is_loop: bool, at: Position) {
        let message = match is_loop {
            true => "a `loop` ends only where a line in it says so",
            false => "a `while` may run until the run's limit ends it",
        };
        let mut trap = complain(self.file, "P019", of_position(&self.file.text, at), message);
        trap.help = Some("a `for` over a range or a list always ends".to_owned());
        self.found.push(warning(trap));
    }

    /// What is known of an expression's kind, literals included.
    fn kind(&self, expression: &Expr) -> Option<&'static str> {
        match expression {
            Expr::StringConstant(..) | Expr::InterpolatedString(..) => Some("string"),
            Expr::BoolConstant(..) => Some("bool"),
            Expr::DynamicConstant(value, _) if value.is_decimal() => Some("decimal"),
            Expr::FnCall(call, _) if call.op_token.is_none() && call.namespace.path.is_empty() => {
                let known = |e: &&crate::api::Entry| {
                    e.owner.is_empty() && e.name == call.name && e.arity == Some(call.args.len())
                };
                plain(entries().iter().find(known)?.signature.split("-> ").nth(1)?)
            }
            other => plain(self.types.of_expression(other).ok()??),
        }
    }

    fn is_price(&self, expression: &Expr) -> bool {
        if let Expr::FnCall(call, _) = expression
            && call.op_token.is_some()
        {
            return call.args.iter().any(|arg| self.is_price(arg));
        }
        let has_value = chain(expression).iter().any(|part| is_value(part));
        has_value || self.kind(expression) == Some("Price")
    }
}

/// Kinds that something can be said about; an alternative of several is none.
fn plain(kind: &'static str) -> Option<&'static str> {
    let known = ["Price", "Duration", "Transaction", "Market", "string", "bool", "decimal", "int"];
    let kind = if kind == "duration" { "Duration" } else { kind };
    known.contains(&kind).then_some(kind)
}

fn is_number(kind: &str) -> bool {
    ["int", "decimal"].contains(&kind)
}

fn named(kind: &str) -> &str {
    match kind {
        "Price" => "a price",
        "Duration" => "a length of time",
        "decimal" => "a number",
        "int" => "a whole number",
        "bool" => "a flag",
        "string" => "a text",
        "Transaction" => "a transaction",
        "Market" => "a market",
        other => other,
    }
}

/// `.value` of a price.
fn is_value(part: &Expr) -> bool {
    matches!(part, Expr::Property(property, _) if property.2 == "value")
}

/// `a.b.c` as its parts.
fn chain(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::Dot(pair, ..) => {
            let mut parts = chain(&pair.lhs);
            parts.extend(chain(&pair.rhs));
            parts
        }
        other => vec![other],
    }
}

pub(super) fn warning(found: Diagnostic) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, ..found }
}
