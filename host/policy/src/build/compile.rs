//! Text to syntax trees, and Rhai's complaints to ours.
//!
//! Apart because a script is compiled three times: to read its constants, to check it as it was
//! written, and to run it with the constants folded in (a function of a script cannot see the
//! script's own constants otherwise).

use std::collections::BTreeSet;

use bracketd_core::diagnostic::Diagnostic;
use rhai::{
    AST, ASTNode, Dynamic, Engine, Expr, LexError, OptimizationLevel, ParseError, ParseErrorType,
    Scope, Stmt,
};

use crate::event::EventKind;
use crate::source::SourceFile;
use crate::span::{self, nearest};

/// The constants that the host reads; they are not folded into functions.
pub(crate) const DECLARATIONS: [&str; 4] = ["POLICY", "PARAMS", "TIMERS", "STATE"];

/// A compiled file.
pub(crate) struct Compiled {
    /// As it was written, for checks.
    pub(crate) plain: AST,
    /// As it runs.
    pub(crate) ready: AST,
}

/// Compiles one file.
pub(crate) fn compile(engine: &mut Engine, file: &SourceFile) -> Result<Compiled, Box<Diagnostic>> {
    if let Some(fault) = &file.fault {
        let span = (fault.at, fault.at);
        return Err(Box::new(span::complain(file, "P001", span, fault.message.clone())));
    }
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(false);
    let loose = engine.compile(&file.text);
    engine.set_strict_variables(true);
    let loose = loose.map_err(|error| Box::new(complaint(file, &error, &[])))?;
    let scope = constants(&loose);
    let names = names(&loose, &file.text);
    let plain = engine.compile_with_scope(&scope, &file.text);
    engine.set_optimization_level(OptimizationLevel::Simple);
    let plain = plain.map_err(|error| Box::new(complaint(file, &error, &names)))?;
    let mut ready = engine
        .compile_with_scope(&scope, &file.text)
        .map_err(|error| Box::new(complaint(file, &error, &names)))?;
    ready.set_source(file.path.as_str());
    Ok(Compiled { plain, ready })
}

/// A constant of a file that need not compile in every respect: one of tests, say.
pub(crate) fn constant(engine: &mut Engine, file: &SourceFile, name: &str) -> Option<Dynamic> {
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(false);
    let ast = engine.compile(&file.text).ok()?;
    let mut all = ast.iter_literal_variables(true, false);
    all.find(|(declared, ..)| *declared == name).map(|(_, _, value)| value)
}

fn constants(ast: &AST) -> Scope<'static> {
    let mut scope = Scope::new();
    for (name, _, value) in ast.iter_literal_variables(true, false) {
        if !DECLARATIONS.contains(&name) {
            scope.push_constant_dynamic(name.to_owned(), value);
        }
    }
    scope
}

/// The variables somebody may have meant.
fn names(ast: &AST, text: &str) -> Vec<String> {
    let parameters = ast.iter_functions().flat_map(|f| f.params).map(str::to_owned);
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
    let declared = words
        .windows(2)
        .filter(|pair| matches!(pair, ["let" | "const", _]))
        .filter_map(|pair| pair.last().map(|name| (*name).to_owned()));
    parameters.chain(declared).collect()
}

fn complaint(file: &SourceFile, error: &ParseError, names: &[String]) -> Diagnostic {
    let place = span::of_position(&file.text, error.position());
    let at = |code, message: String| span::complain(file, code, place, message);
    match error.err_type() {
        ParseErrorType::VariableUndefined(name) => {
            let mut found = at("P002", format!("unknown variable `{name}`"));
            let near = nearest(name, names.iter().map(String::as_str));
            found.help = near.map(|near| format!("did you mean `{near}`?"));
            found
        }
        ParseErrorType::ModuleUndefined(name) => {
            let mut found = at("P003", format!("there is no working library `{name}`"));
            found.help = Some(format!("it would be lib/{name}.rhai"));
            found
        }
        ParseErrorType::Reserved(word)
        | ParseErrorType::BadInput(LexError::ImproperSymbol(word, _))
            if ["eval", "import", "export"].contains(&word.as_str()) =>
        {
            let mut found = at("P001", format!("`{word}` is not available in policies"));
            if word == "import" {
                found.help =
                    Some("call lib/NAME.rhai as NAME::function, without an import".to_owned());
            }
            found
        }
        ParseErrorType::BadInput(LexError::MalformedNumber(number)) => {
            let mut found = at("P001", format!("`{number}` is no number"));
            found.help = Some("write decimals in full, such as 0.001".to_owned());
            found
        }
        ParseErrorType::Reserved(word) => {
            let mut found = at("P001", format!("`{word}` is a word of the language"));
            found.help = Some(match word.as_str() {
                "default" => {
                    "the value of a parameter unless configured is called `init`".to_owned()
                }
                _ => "choose another name".to_owned(),
            });
            found
        }
        ParseErrorType::VariableExists(name) => {
            let mut found = at("P001", format!("`{name}` is there already"));
            found.help = Some("a second one would hide the first; name it otherwise".to_owned());
            found
        }
        other => match exponent(&file.text, place.0) {
            Some((start, end)) => {
                let number = file.text.get(start..end).unwrap_or_default();
                let message = format!("`{number}` is no number");
                let mut found = span::complain(file, "P001", (start, end), message);
                found.help = Some("write decimals in full, such as 0.001".to_owned());
                found
            }
            None => {
                let mut found = at("P001", other.to_string());
                if let Some((sign, help)) = stray_sign(&file.text, place.0) {
                    found.message = format!("{sign} stands here");
                    found.help = Some(help.to_owned());
                }
                found
            }
        },
    }
}

/// A sign that comes from a word processor or a broken file rather than from somebody's hand, and
/// what to do about it.
fn stray_sign(text: &str, at: usize) -> Option<(String, &'static str)> {
    let sign = text.get(at..)?.chars().next()?;
    let code = u32::from(sign);
    match sign {
        '\u{2018}'..='\u{201f}' => Some((
            format!("the curly quote {sign}"),
            "write straight quotes, as in \"text\"; word processors make them curly",
        )),
        '\0' => Some((
            "a NUL byte".to_owned(),
            "the file is damaged, or saved as UTF-16: save it as UTF-8 text",
        )),
        '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{a0}' | '\u{2028}'..='\u{202f}' | '\u{2060}' => {
            Some((format!("a character that cannot be seen, U+{code:04X}"), "take it out"))
        }
        _ => None,
    }
}

/// The number with an exponent around a place where the parser met its `e`.
fn exponent(text: &str, at: usize) -> Option<(usize, usize)> {
    let before = text.get(..at)?;
    let digits =
        before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let rest = text.get(at..)?;
    let tail = rest.strip_prefix(['e', 'E'])?;
    let sign = tail.strip_prefix(['-', '+']).map_or(0, |_| 1);
    let length = tail.get(sign..)?.chars().take_while(char::is_ascii_digit).count();
    (digits > 0 && length > 0).then_some((at - digits, at + 1 + sign + length))
}

impl Compiled {
    /// The libraries that it calls.
    pub(crate) fn namespaces(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.plain.walk(&mut |path: &[ASTNode<'_>]| {
            let called = match path.last() {
                Some(ASTNode::Stmt(Stmt::FnCall(call, _))) => Some(call),
                Some(ASTNode::Expr(Expr::FnCall(call, _))) => Some(call),
                _ => None,
            };
            if let Some(space) = called.and_then(|call| call.namespace.path.first()) {
                found.insert(space.name.to_string());
            }
            true
        });
        found
    }

    /// The events that it has functions for.
    pub(crate) fn handlers(&self) -> BTreeSet<EventKind> {
        self.plain.iter_functions().filter_map(|f| EventKind::of_handler(f.name)).collect()
    }

    /// A declaration of the script.
    pub(crate) fn declaration(&self, name: &str) -> Option<Dynamic> {
        let mut all = self.plain.iter_literal_variables(true, false);
        all.find(|(declared, ..)| *declared == name).map(|(_, _, value)| value)
    }
}
