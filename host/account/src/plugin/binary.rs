//! Looks at a plugin's bytes before anything parses them: is it a component, and is it whole?
//!
//! Apart because the answers are for a person who named the wrong file or copied half of it. What
//! the sections hold is the compiler's business.

use wasmtime::Engine;

use crate::plugin::{LoadError, PLUGIN_BYTES_MAX};

const MAGIC: &[u8] = b"\0asm";
/// Bytes of magic, version and layer.
const HEADER_BYTES: usize = 8;

/// Checks magic, layer, size, and that every top-level section fits into the file.
pub(crate) fn check(wasm: &[u8]) -> Result<(), LoadError> {
    if wasm.len() > PLUGIN_BYTES_MAX {
        return Err(LoadError::TooLarge { bytes: wasm.len() });
    }
    if Engine::detect_precompiled(wasm).is_some() {
        return Err(LoadError::Precompiled);
    }
    if !wasm.starts_with(MAGIC) {
        let found = wasm.iter().take(4).map(|b| format!("{b:02x}")).collect::<Vec<_>>();
        let found = if found.is_empty() { "nothing".to_owned() } else { found.join(" ") };
        return Err(LoadError::NotWasm { found });
    }
    let [_, _, _, _, v0, v1, l0, l1, ..] = *wasm else {
        return Err(LoadError::Truncated { at: 4, needed: 4, left: wasm.len() - MAGIC.len() });
    };
    if u16::from_le_bytes([l0, l1]) == 0 {
        return Err(LoadError::CoreModule { version: u16::from_le_bytes([v0, v1]) });
    }
    let mut at = HEADER_BYTES;
    while at < wasm.len() {
        at = section(wasm, at)?;
    }
    Ok(())
}

/// The end of the section whose id is at `at`.
fn section(wasm: &[u8], at: usize) -> Result<usize, LoadError> {
    let (mut size, mut pos) = (0_usize, at + 1);
    for shift in (0..35).step_by(7) {
        let Some(&byte) = wasm.get(pos) else {
            return Err(LoadError::Truncated { at: pos, needed: 1, left: 0 });
        };
        pos += 1;
        size |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    match pos.checked_add(size).filter(|&end| end <= wasm.len()) {
        Some(end) => Ok(end),
        None => Err(LoadError::Truncated { at: pos, needed: size, left: wasm.len() - pos }),
    }
}
