//! Compares a plugin's imports and exports with the ABI, function by function.
//!
//! Apart because the compiler's own answer ("type mismatch") names neither the function nor what
//! it should look like. The expected lines are read from the WIT file itself.

use std::fmt::Write as _;

use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem, Type};
// Hidden from the documentation, but what the generated bindings check types with.
use wasmtime::component::__internal::InstanceType;
use wasmtime::component::{Component, ComponentNamedList, Lift, Lower};

use crate::bindings::bracketd::broker::types as abi;
use crate::bindings::exports::bracketd::broker::account;
use crate::bindings::streaming::exports::bracketd::broker::streams;
use crate::plugin::examine::{ExportSeen, ImportSeen};
use crate::plugin::{ABI, LoadError};

const WIT: &str = include_str!("../../../../plugins/wit/v1/account.wit");
/// The interfaces a plugin may import.
const OFFERED: [&str; 6] = ["types", "log", "clock", "kv", "http", "sign"];

type Check = fn(&ComponentFunc, &InstanceType<'_>) -> bool;

fn is<P, R>(func: &ComponentFunc, cx: &InstanceType<'_>) -> bool
where
    P: ComponentNamedList + Lower,
    R: Lift,
{
    func.typecheck::<P, (R,)>(cx).is_ok()
}

type Adjusted = Result<abi::Adjusted, abi::Fault>;
type Placed = Result<abi::Placed, abi::Fault>;
type Ctx = abi::CallCtx;

/// Every function of the `account` interface with the check of its type.
const FUNCTIONS: [(&str, Check); 19] = [
    ("describe", is::<(), account::Info>),
    ("connect", is::<(Ctx, Vec<(String, String)>), Result<account::Balance, abi::Fault>>),
    ("adjust-sl", is::<(Ctx, abi::Bracket, abi::Target), Adjusted>),
    ("adjust-tp", is::<(Ctx, abi::Bracket, abi::Target), Adjusted>),
    ("adjust-tp-sl", is::<(Ctx, abi::Bracket, abi::Target, abi::Target), Adjusted>),
    ("submit-order", is::<(Ctx, abi::NewOrder), Placed>),
    ("replace-order", is::<(Ctx, String, abi::Change), Placed>),
    ("cancel-order", is::<(Ctx, String), Placed>),
    ("confirm", is::<(Ctx, String, bool), Result<abi::Answered, abi::Fault>>),
    ("read-bracket", is::<(Ctx, abi::Bracket), Adjusted>),
    ("get-order", is::<(Ctx, abi::OrderKey), Result<Vec<abi::Order>, abi::Fault>>),
    (
        "get-orders",
        is::<(Ctx, bool, Option<u64>, Option<String>), Result<account::OrderPage, abi::Fault>>,
    ),
    ("get-fills", is::<(Ctx, u64, Option<String>), Result<account::FillPage, abi::Fault>>),
    ("get-positions", is::<(Ctx,), Result<Vec<abi::Position>, abi::Fault>>),
    ("get-prices", is::<(Ctx, Vec<String>), Result<Vec<abi::Quote>, abi::Fault>>),
    ("get-bars", is::<(Ctx, String, u32, u64, u32), Result<Vec<abi::Bar>, abi::Fault>>),
    ("get-instrument", is::<(Ctx, String), Result<abi::Instrument, abi::Fault>>),
    ("get-session", is::<(Ctx, String), Result<abi::Session, abi::Fault>>),
    ("get-balance", is::<(Ctx,), Result<account::Balance, abi::Fault>>),
];

/// The same of the optional `streams` interface.
const STREAM_FUNCTIONS: [(&str, Check); 3] = [
    ("open", is::<(Ctx, Vec<String>), Result<Vec<streams::Socket>, abi::Fault>>),
    ("on-frame", is::<(Ctx, String, streams::Frame), Result<streams::Step, abi::Fault>>),
    ("on-tick", is::<(Ctx, String), Result<streams::Step, abi::Fault>>),
];

/// What a component imports and exports, and everything that is wrong with it.
pub(crate) struct Look {
    /// Names of the imported interfaces.
    pub imports: Vec<String>,
    /// Names of the exported interfaces.
    pub exports: Vec<String>,
    /// The imports, one by one.
    pub imports_seen: Vec<ImportSeen>,
    /// The functions of the `account` interface and of optional ones that it has, one by one.
    pub exports_seen: Vec<ExportSeen>,
    /// Whether it has the optional `streams` interface.
    pub can_stream: bool,
    /// Everything that is wrong, the first thing to see to first.
    pub problems: Vec<LoadError>,
}

/// How much is put into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// Only what is wrong: a load has no time for more.
    Problems,
    /// Everything.
    All,
}

/// An interface of the ABI: what a component has of it, and what it must have.
struct Interface {
    name: &'static str,
    instance: Option<ComponentInstance>,
    functions: &'static [(&'static str, Check)],
}

/// Looks at everything.
pub(crate) fn look(engine: &Engine, component: &Component, words: Words) -> Look {
    let ty = component.component_type();
    let mut problems = Vec::new();
    let account = abi_instance(engine, component).map_err(|error| problems.push(error)).ok();
    let (imports, imports_seen) = look_at_imports(engine, component, words, &mut problems);
    let wanted = interface("streams");
    let streams = ty.exports(engine).find(|(name, _)| *name == wanted).map(|(_, item)| item.ty);
    let streams = match streams {
        Some(ComponentItem::ComponentInstance(instance)) => Some(instance),
        Some(_) | None => None,
    };
    let can_stream = streams.is_some();
    let interfaces = [
        Interface { name: "account", instance: account, functions: &FUNCTIONS },
        Interface { name: "streams", instance: streams, functions: &STREAM_FUNCTIONS },
    ];
    let mut exports_seen = Vec::new();
    for interface in &interfaces {
        let cx = ty.instance_type();
        exports_seen.extend(look_at_exports(engine, interface, &cx, words, &mut problems));
    }
    Look {
        imports,
        exports: ty.exports(engine).map(|(name, _)| name.to_owned()).collect(),
        imports_seen,
        exports_seen,
        can_stream,
        problems,
    }
}

fn look_at_imports(
    engine: &Engine,
    component: &Component,
    words: Words,
    problems: &mut Vec<LoadError>,
) -> (Vec<String>, Vec<ImportSeen>) {
    let offered: Vec<String> = OFFERED.iter().map(|name| interface(name)).collect();
    let (mut imports, mut seen) = (Vec::new(), Vec::new());
    for (name, item) in component.component_type().imports(engine) {
        let is_offered = offered.iter().any(|o| o == name);
        imports.push(name.to_owned());
        if is_offered && words == Words::Problems {
            continue;
        }
        let name = name.to_owned();
        if !is_offered {
            let offered = offered.clone();
            problems.push(LoadError::UnknownImport { name: name.clone(), offered });
        }
        seen.push(ImportSeen { name, functions: functions_of(engine, &item.ty), is_offered });
    }
    (imports, seen)
}

/// The functions of an interface that is there.
fn look_at_exports(
    engine: &Engine,
    interface: &Interface,
    cx: &InstanceType<'_>,
    words: Words,
    problems: &mut Vec<LoadError>,
) -> Vec<ExportSeen> {
    let mut seen = Vec::new();
    for (name, matches) in interface.instance.iter().flat_map(|_| interface.functions) {
        let export = interface.instance.as_ref().and_then(|of| of.get_export(engine, name));
        let func = match export.map(|export| export.ty) {
            Some(ComponentItem::ComponentFunc(func)) => Some(func),
            Some(_) | None => None,
        };
        let fits = func.as_ref().is_some_and(|func| matches(func, cx));
        if fits && words == Words::Problems {
            continue;
        }
        let (name, expected, found) =
            ((*name).to_owned(), expected_line(name), func.as_ref().map(show));
        let (of, wrong) = (interface.name, (name.clone(), expected.clone()));
        match &found {
            Some(_) if fits => {}
            Some(found) => {
                let (name, expected) = wrong;
                problems.push(LoadError::WrongSignature { name, expected, found: found.clone() });
            }
            None => {
                let (name, expected) = wrong;
                problems.push(LoadError::MissingExport { name, expected, interface: of });
            }
        }
        seen.push(ExportSeen { name, expected, found, fits });
    }
    seen
}

fn functions_of(engine: &Engine, item: &ComponentItem) -> Vec<String> {
    let ComponentItem::ComponentInstance(instance) = item else { return Vec::new() };
    let functions = instance.exports(engine).filter_map(|(name, item)| match item.ty {
        ComponentItem::ComponentFunc(func) => Some(format!("{name}: {}", show(&func))),
        _ => None,
    });
    functions.collect()
}

fn abi_instance(engine: &Engine, component: &Component) -> Result<ComponentInstance, LoadError> {
    let ty = component.component_type();
    let wanted = interface("account");
    let mut found = Vec::new();
    for (name, item) in ty.exports(engine) {
        match item.ty {
            ComponentItem::ComponentInstance(instance) if name == wanted => return Ok(instance),
            _ => found.push(name.to_owned()),
        }
    }
    let other = found.iter().find(|name| name.contains("/account@"));
    let found = match other {
        Some(name) => name.replace("/account@", "@"),
        None if found.is_empty() => "no ABI: it exports nothing".to_owned(),
        None => format!("no ABI: it exports {}", found.join(", ")),
    };
    Err(LoadError::WrongAbi { expected: ABI.to_owned(), found })
}

/// The full name of an interface of the ABI.
fn interface(name: &str) -> String {
    match ABI.split_once('@') {
        Some((package, version)) => format!("{package}/{name}@{version}"),
        None => format!("{ABI}/{name}"),
    }
}

/// The function as the WIT has it, on one line.
pub(crate) fn expected_line(name: &str) -> String {
    let start = format!("  {name}: func");
    let found = WIT.find(&start).and_then(|at| WIT.get(at..));
    let declared = found.and_then(|text| text.split(';').next()).unwrap_or(name);
    let words: Vec<&str> = declared.split_whitespace().collect();
    words.join(" ").replace("( ", "(").replace(", )", ")")
}

/// A function type in WIT words.
fn show(func: &ComponentFunc) -> String {
    let params: Vec<String> =
        func.params().map(|(name, ty)| format!("{name}: {}", show_type(&ty))).collect();
    let mut out = format!("func({})", params.join(", "));
    for result in func.results() {
        // Writing into a String cannot fail.
        let _ = write!(out, " -> {}", show_type(&result));
    }
    out
}

/// Types in a binary have no names: records and variants are shown by their first members.
fn show_type(ty: &Type) -> String {
    let inner = show_type;
    let some = |names: Vec<&str>| names.into_iter().take(3).collect::<Vec<_>>().join(", ");
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::S8 => "s8".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::S16 => "s16".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::S32 => "s32".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::S64 => "s64".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::Float32 => "f32".to_owned(),
        Type::Float64 => "f64".to_owned(),
        Type::Char => "char".to_owned(),
        Type::String => "string".to_owned(),
        Type::List(list) => format!("list<{}>", inner(&list.ty())),
        Type::Option(option) => format!("option<{}>", inner(&option.ty())),
        Type::Result(result) => format!(
            "result<{}, {}>",
            result.ok().map_or("_".to_owned(), |ty| inner(&ty)),
            result.err().map_or("_".to_owned(), |ty| inner(&ty))
        ),
        Type::Tuple(tuple) => {
            format!("tuple<{}>", tuple.types().map(|ty| inner(&ty)).collect::<Vec<_>>().join(", "))
        }
        Type::Record(record) => {
            format!("record {{{} ..}}", some(record.fields().map(|f| f.name).collect()))
        }
        Type::Variant(variant) => {
            format!("variant {{{} ..}}", some(variant.cases().map(|c| c.name).collect()))
        }
        Type::Enum(cases) => format!("enum {{{} ..}}", some(cases.names().collect())),
        _ => "another type".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_takes_several_lines_in_the_wit_is_shown_on_one() {
        for (name, want) in [
            ("describe", "describe: func() -> info"),
            (
                "get-fills",
                "get-fills: func(ctx: call-ctx, since: unix-nanos, cursor: option<string>) -> \
                 result<fill-page, fault>",
            ),
            ("get-nothing", "get-nothing"),
        ] {
            assert_eq!(expected_line(name), want);
        }
    }

    #[test]
    fn every_function_of_the_wit_is_checked_and_none_else() {
        for (start, functions) in
            [("interface account {", &FUNCTIONS[..]), ("interface streams {", &STREAM_FUNCTIONS)]
        {
            let interface = WIT.split(start).nth(1).unwrap();
            let interface = interface.split("\n}").next().unwrap();
            let mut in_wit: Vec<&str> = interface
                .lines()
                .filter_map(|line| line.trim().split_once(": func"))
                .map(|(name, _)| name)
                .collect();
            let mut checked: Vec<&str> = functions.iter().map(|(name, _)| *name).collect();
            in_wit.sort_unstable();
            checked.sort_unstable();
            assert_eq!(checked, in_wit);
        }
    }
}
