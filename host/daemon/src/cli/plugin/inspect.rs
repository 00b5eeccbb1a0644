//! `bracketd plugin inspect`: what a file is, for somebody who was given it.
//!
//! Apart from `check`, which judges: this shows. What a plugin says of itself is its own word.

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
    let rows = examined.sections.iter().map(|section| {
        vec![
            format!("{}{}", "  ".repeat(section.depth), section.kind),
            section.name.clone().unwrap_or_default(),
            section.bytes.to_string(),
        ]
    });
    out.table(&["section", "name", "bytes"], rows.collect());
    Ok(Exit::Done)
}
