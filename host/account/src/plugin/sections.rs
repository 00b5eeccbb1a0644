//! The sections of a component and of the modules in it: what takes up the room in a file.
//!
//! Apart because it reads the bytes as they are, without the compiler, and for people only: what a
//! section claims here decides nothing.

/// Bytes of magic, version and layer.
const HEADER_BYTES: usize = 8;
/// A component in a component in a component: deeper is nobody's plugin.
const DEPTH_MAX: usize = 4;
/// Most sections that are listed.
const SECTIONS_MAX: usize = 4_096;

/// One section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is, such as `code`; for a custom section, `custom`.
    pub kind: &'static str,
    /// The name of a custom section.
    pub name: Option<String>,
    /// Its size in bytes, without its header.
    pub bytes: usize,
    /// How many modules and components it is inside of.
    pub depth: usize,
}

/// The sections in the order of the file; those of an inner module come after the section that
/// holds it. What is malformed ends the list.
pub(crate) fn sections(wasm: &[u8]) -> Vec<Section> {
    let mut found = Vec::new();
    walk(wasm, 0, &mut found);
    found
}

fn walk(wasm: &[u8], depth: usize, found: &mut Vec<Section>) {
    let is_component = wasm.get(6..HEADER_BYTES).is_some_and(|layer| layer != [0, 0]);
    let mut rest = wasm.get(HEADER_BYTES..).unwrap_or_default();
    while let Some((id, body, after)) = section(rest) {
        if found.len() >= SECTIONS_MAX {
            return;
        }
        let kind = if is_component { component_kind(id) } else { module_kind(id) };
        let name = (id == 0).then(|| name(body)).flatten();
        found.push(Section { kind, name, bytes: body.len(), depth });
        if is_component && matches!(id, 1 | 4) && depth < DEPTH_MAX {
            walk(body, depth + 1, found);
        }
        rest = after;
    }
}

/// The first section's id and body, and what comes after it.
fn section(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (id, rest) = bytes.split_first()?;
    let (size, rest) = number(rest)?;
    let (body, after) = rest.split_at_checked(size)?;
    Some((*id, body, after))
}

fn name(body: &[u8]) -> Option<String> {
    let (length, rest) = number(body)?;
    rest.get(..length).map(|name| String::from_utf8_lossy(name).into_owned())
}

/// An unsigned LEB128 of at most 32 bits.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    let mut rest = bytes;
    for shift in (0..35).step_by(7) {
        let (byte, after) = rest.split_first()?;
        value |= usize::from(byte & 0x7f) << shift;
        rest = after;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

fn component_kind(id: u8) -> &'static str {
    const KINDS: [&str; 13] = [
        "custom",
        "module",
        "instance",
        "type",
        "component",
        "instance",
        "alias",
        "type",
        "canon",
        "start",
        "import",
        "export",
        "value",
    ];
    KINDS.get(usize::from(id)).copied().unwrap_or("unknown")
}

fn module_kind(id: u8) -> &'static str {
    const KINDS: [&str; 14] = [
        "custom",
        "type",
        "import",
        "function",
        "table",
        "memory",
        "global",
        "export",
        "start",
        "element",
        "code",
        "data",
        "data count",
        "tag",
    ];
    KINDS.get(usize::from(id)).copied().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_of_a_module_in_a_component_come_after_it() {
        let text = r#"(component
            (core module (memory 1) (data (i32.const 0) "four") (@custom "inside" "ab"))
            (@custom "outside" "abc"))"#;
        let found: Vec<_> = sections(&wat::parse_str(text).unwrap())
            .into_iter()
            .map(|s| (s.depth, s.kind, s.name.unwrap_or_default()))
            .collect();
        let want = [
            (0, "module", ""),
            (1, "memory", ""),
            (1, "data", ""),
            (1, "custom", "inside"),
            (0, "custom", "outside"),
        ];
        assert_eq!(found, want.map(|(depth, kind, name)| (depth, kind, name.to_owned())));
    }

    #[test]
    fn what_is_cut_off_ends_the_list() {
        let whole = wat::parse_str("(component (core module (memory 1)))").unwrap();
        for length in 0..whole.len() {
            assert!(sections(&whole[..length]).is_empty(), "{length}");
        }
    }
}
