//! `bracketd plugin inspect`: what a file is, for somebody who was given it.
//!
//! Apart from `check`, which judges: this shows. What a plugin says of itself is its own word.

use std::collections::BTreeMap;

use bracketd_account::Section;
use serde_json::{Value, json};

use super::super::exit::{Exit, Failure};
use super::super::output::{Out, list, text};
use super::target::{self, FileArgs};
use crate::render::printable;

pub(super) fn run(args: &FileArgs, out: &Out) -> Result<Exit, Failure> {
    let wasm = target::read(&args.file)?;
    let host = target::host()?;
    let examined = host.examine(&wasm);
    let plugin = target::load(&host, &args.file)?;
    let (info, can) = (target::describe(&host, &plugin)?, target::can(&host, &plugin)?);
    if out.is_json() {
        out.json(&json!({
            "file": args.file,
            "bytes": examined.bytes,
            "sha256": examined.digest,
            "abi": plugin.abi(),
            "describe": info,
            "imports": examined.imports_seen.iter().map(|seen| json!({
                "name": seen.name, "functions": seen.functions,
            })).collect::<Vec<Value>>(),
            "exports": examined.exports,
            "functions": examined.exports_seen.iter().map(|seen| json!({
                "name": seen.name, "type": seen.found,
            })).collect::<Vec<Value>>(),
            "capabilities": target::as_json(&can),
            "sections": examined.sections.iter().map(|section| json!({
                "kind": section.kind, "name": section.name, "bytes": section.bytes,
                "depth": section.depth,
            })).collect::<Vec<Value>>(),
        }));
        return Ok(Exit::Done);
    }
    let of = |path: &str| text(&info, path);
    out.line(&format!("plugin      {} {}", of("/name"), of("/version")));
    out.line(&format!("abi         {}", plugin.abi()));
    out.line(&format!("size        {} bytes", examined.bytes));
    out.line(&format!("sha256      {}", examined.digest));
    let features: Vec<String> = list(&info, "/features").iter().map(|f| text(f, "")).collect();
    out.line(&format!("features    {}", features.join(", ")));
    out.line(&format!(
        "order ids   at most {} of {}",
        of("/client-id-max"),
        of("/client-id-chars")
    ));
    for pair in list(&info, "/ext") {
        out.line(&format!("says        {} = {}", text(pair, "/0"), text(pair, "/1")));
    }
    out.line("");
    let imports = examined.imports_seen.iter();
    let rows = imports.flat_map(|seen| {
        let name = |n: usize| if n == 0 { seen.name.clone() } else { String::new() };
        seen.functions.iter().enumerate().map(move |(n, function)| vec![name(n), function.clone()])
    });
    out.table(&["import", "function"], rows.collect());
    out.line("");
    out.line(&format!("exports     {}", printable(&examined.exports.join(", "))));
    out.line("");
    out.table(&["bytes", "sections", "of kind", "name"], weights(&examined.sections));
    Ok(Exit::Done)
}

/// What takes up the room, the heaviest first. Modules and components are told by what is in them.
fn weights(sections: &[Section]) -> Vec<Vec<String>> {
    let mut by_kind: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for section in sections.iter().filter(|s| !matches!(s.kind, "module" | "component")) {
        let name = section.name.as_deref().unwrap_or_default();
        let (bytes, count) = by_kind.entry((section.kind, name)).or_default();
        (*bytes, *count) = (*bytes + section.bytes, *count + 1);
    }
    let mut rows: Vec<_> = by_kind.into_iter().collect();
    rows.sort_by_key(|(_, (bytes, _))| std::cmp::Reverse(*bytes));
    let row = |((kind, name), (bytes, count)): ((&str, &str), (usize, usize))| {
        vec![bytes.to_string(), count.to_string(), kind.to_owned(), name.to_owned()]
    };
    rows.into_iter().map(row).collect()
}
