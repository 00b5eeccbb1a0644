//! `policy explain CODE`: what a code of a finding means.
//!
//! Apart because the words are those of docs/diagnostics.md, which a test holds equal to the codes
//! that there are.

use serde_json::json;

use super::super::exit::{Exit, Failure};
use super::super::output::Out;

const PAGE: &str = include_str!("../../../../../docs/diagnostics.md");

/// Prints the section of a code.
pub(super) fn run(code: &str, out: &Out) -> Result<Exit, Failure> {
    let code = code.trim_matches(['[', ']']).to_uppercase();
    let Some(text) = section(&code) else {
        let all: Vec<&str> = codes().collect();
        return Err(Failure::usage(format!("there is no code {code}"))
            .hint(format!("the codes are: {}", all.join(" "))));
    };
    if out.is_json() {
        out.json(&json!({ "code": code, "text": text }));
    } else {
        out.paragraphs(&format!("{code}\n\n{text}"));
    }
    Ok(Exit::Done)
}

/// Every code that the page explains.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    PAGE.lines().filter_map(|line| line.strip_prefix("### "))
}

/// The words of a code.
pub(crate) fn section(code: &str) -> Option<String> {
    let below = PAGE.split(&format!("### {code}\n")).nth(1)?;
    Some(below.split("\n#").next().unwrap_or_default().trim().replace("**", ""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{codes, section};

    /// The page explains every code that some source file gives, and no other.
    #[test]
    fn the_page_and_the_sources_have_the_same_codes() {
        let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut given = BTreeSet::new();
        for folder in ["policy/src", "daemon/src/config", "daemon/src/run"] {
            given_below(&host.join(folder), &mut given);
        }
        let told: BTreeSet<String> = codes().map(str::to_owned).collect();
        assert_eq!(told, given);
        for code in &told {
            assert!(section(code).is_some_and(|text| text.len() > 20), "{code}");
        }
    }

    fn given_below(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                given_below(&path, found);
                continue;
            }
            let source = std::fs::read_to_string(&path).expect("a source");
            let is_code = |word: &&str| {
                word.len() == 4
                    && word.starts_with(['P', 'C'])
                    && word.chars().skip(1).all(|c| c.is_ascii_digit())
            };
            found.extend(source.split('"').filter(is_code).map(str::to_owned));
        }
    }
}
