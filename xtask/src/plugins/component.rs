//! From a core module to a checked component. Separate because the checks are the promise the host
//! relies on: a component must never import anything but `bracketd:broker`.

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{Encoding, Parser, Payload};
use wit_component::ComponentEncoder;

/// The ABI every plugin is built for.
pub(crate) const ABI: &str = "bracketd:broker@0.9.0";
const IMPORTS: &str = "bracketd:broker/";
const EXPORT: &str = "bracketd:broker/account@0.9.0";

/// Wraps a core module into a component, by the type section its bindings left in it.
pub(crate) fn encode(core: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .module(core)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| anyhow::anyhow!("{error:#}"))
        .context("encoding the component")
}

/// Refuses a component that imports what the host does not offer, or lacks the `account` interface.
pub(crate) fn check(wasm: &[u8]) -> Result<()> {
    let (imports, exports) = surface(wasm)?;
    let foreign: Vec<&String> = imports.iter().filter(|name| !name.starts_with(IMPORTS)).collect();
    ensure!(foreign.is_empty(), "imports outside {IMPORTS}: {foreign:?}");
    ensure!(exports.iter().any(|name| name == EXPORT), "no export {EXPORT}: {exports:?}");
    Ok(())
}

/// Names of the imports and exports of the outermost component.
pub(crate) fn surface(wasm: &[u8]) -> Result<(Vec<String>, Vec<String>)> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                bail!("a core module, not a component");
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}
