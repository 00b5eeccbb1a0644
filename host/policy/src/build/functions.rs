//! Which functions a script can call, by name and number of arguments.
//!
//! Apart because Rhai itself finds a misspelt function only when the rare branch runs.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, Engine};

/// Functions that are part of the language, with any number of arguments.
const KEYWORDS: [&str; 8] =
    ["print", "debug", "type_of", "is_def_fn", "is_def_var", "Fn", "call", "curry"];

/// Every callable name.
pub(crate) struct Functions {
    global: BTreeMap<String, BTreeSet<usize>>,
    script: BTreeMap<String, BTreeSet<usize>>,
    modules: BTreeMap<String, BTreeMap<String, BTreeSet<usize>>>,
}

/// What is known about a call.
pub(crate) enum Known {
    /// It can be made.
    Yes,
    /// The name exists with these numbers of arguments.
    OtherArity(BTreeSet<usize>),
    /// There is no such name; the nearest one.
    No(Option<String>),
}

impl Functions {
    /// What the engine offers, and the script's own.
    pub(crate) fn of(engine: &Engine, ast: &AST) -> Self {
        let mut all =
            Self { global: BTreeMap::new(), script: BTreeMap::new(), modules: BTreeMap::new() };
        let found = engine.collect_fn_metadata(
            None,
            |info| {
                let name = info.metadata.name.to_string();
                Some((info.namespace.to_string(), name, info.metadata.num_params))
            },
            true,
        );
        for (space, name, arity) in found {
            let table = match space.is_empty() {
                true => &mut all.global,
                false => all.modules.entry(space).or_default(),
            };
            table.entry(name).or_default().insert(arity);
        }
        for function in ast.iter_functions() {
            let arities = all.script.entry(function.name.to_owned()).or_default();
            arities.insert(function.params.len());
        }
        all
    }

    /// A call `name(...)`.
    pub(crate) fn call(&self, name: &str, arity: usize) -> Known {
        if KEYWORDS.contains(&name) {
            return Known::Yes;
        }
        lookup(&[&self.global, &self.script], name, |arities| arities.contains(&arity))
    }

    /// A call `object.name(...)`.
    pub(crate) fn method(&self, name: &str, arity: usize) -> Known {
        if KEYWORDS.contains(&name) {
            return Known::Yes;
        }
        if self.script.get(name).is_some_and(|arities| arities.contains(&arity)) {
            return Known::Yes;
        }
        match lookup(&[&self.global], name, |arities| arities.contains(&(arity + 1))) {
            Known::OtherArity(arities) => {
                Known::OtherArity(arities.into_iter().filter_map(|n| n.checked_sub(1)).collect())
            }
            other => other,
        }
    }

    /// A call `library::name(...)`.
    pub(crate) fn library(&self, library: &str, name: &str, arity: usize) -> Known {
        match self.modules.get(library) {
            Some(table) => lookup(&[table], name, |arities| arities.contains(&arity)),
            None => Known::No(None),
        }
    }
}

fn lookup(
    tables: &[&BTreeMap<String, BTreeSet<usize>>],
    name: &str,
    fits: impl Fn(&BTreeSet<usize>) -> bool,
) -> Known {
    let found: Vec<&BTreeSet<usize>> = tables.iter().filter_map(|table| table.get(name)).collect();
    if found.iter().any(|arities| fits(arities)) {
        return Known::Yes;
    }
    if !found.is_empty() {
        return Known::OtherArity(found.into_iter().flatten().copied().collect());
    }
    let is_word = |n: &&str| n.starts_with(char::is_alphabetic) && !n.contains('$');
    let names = tables.iter().flat_map(|table| table.keys()).map(String::as_str).filter(is_word);
    Known::No(crate::span::nearest(name, names).map(str::to_owned))
}
