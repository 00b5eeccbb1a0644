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

/// Checks everything; answers the names of the imports, and whether it can stream.
pub(crate) fn check(
    engine: &Engine,
    component: &Component,
) -> Result<(Vec<String>, bool), LoadError> {
    let ty = component.component_type();
    let account = abi_instance(engine, component)?;
    let offered: Vec<String> = OFFERED.iter().map(|name| interface(name)).collect();
    let mut imports = Vec::new();
    for (name, _) in ty.imports(engine) {
        if !offered.iter().any(|o| o == name) {
            return Err(LoadError::UnknownImport { name: name.to_owned(), offered });
        }
        imports.push(name.to_owned());
    }
    let cx = ty.instance_type();
    functions(engine, &account, "account", &FUNCTIONS, &cx)?;
    let wanted = interface("streams");
    let streams = ty.exports(engine).find(|(name, _)| *name == wanted).map(|(_, item)| item.ty);
    if let Some(ComponentItem::ComponentInstance(streams)) = &streams {
        functions(engine, streams, "streams", &STREAM_FUNCTIONS, &cx)?;
    }
    Ok((imports, streams.is_some()))
}

fn functions(
    engine: &Engine,
    instance: &ComponentInstance,
    interface: &'static str,
    wanted: &[(&str, Check)],
    cx: &InstanceType<'_>,
) -> Result<(), LoadError> {
    for (name, matches) in wanted {
        let expected = expected_line(name);
        let name = (*name).to_owned();
        match instance.get_export(engine, &name).map(|export| export.ty) {
            Some(ComponentItem::ComponentFunc(func)) if matches(&func, cx) => {}
            Some(ComponentItem::ComponentFunc(func)) => {
                return Err(LoadError::WrongSignature { name, expected, found: show(&func) });
            }
            Some(_) | None => return Err(LoadError::MissingExport { name, expected, interface }),
        }
    }
    Ok(())
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

/// The function's line in the WIT.
fn expected_line(name: &str) -> String {
    let start = format!("{name}: func");
    let line = WIT.lines().map(str::trim).find(|line| line.starts_with(&start));
    line.unwrap_or(name).trim_end_matches(';').to_owned()
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
