//! The line of a pin in the configuration's text; everything else stays, byte for byte.
//!
//! Apart because it is about text alone. It writes where the file's own reading says that the value
//! or its neighbor stands, and never searches for words.

use crate::config::file::{AccountTable, ConfigFile};

/// The text with the digest as the pin of these accounts; none where it cannot be read.
pub(super) fn pinned(text: &str, accounts: &[&str], digest: &str) -> Option<String> {
    let file: ConfigFile = toml::from_str(text).ok()?;
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for table in &file.account {
        if accounts.contains(&table.name.get().as_str()) {
            edits.push(edit(text, table, digest)?);
        }
    }
    // From the end, so that the places before it stay where they are.
    edits.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    let mut out = text.to_owned();
    for (place, words) in edits {
        out.replace_range(place, &words);
    }
    Some(out)
}

fn edit(
    text: &str,
    table: &AccountTable,
    digest: &str,
) -> Option<(std::ops::Range<usize>, String)> {
    if let Some(written) = &table.sha256 {
        return Some((written.span(), format!("\"{digest}\"")));
    }
    let end = table.plugin.span().end;
    let (before, after) = (text.get(..table.plugin.span().start)?, text.get(end..)?);
    let line = after.find('\n').map_or(after, |length| after.get(..length).unwrap_or(after));
    let rest = line.trim_start();
    if !(rest.trim_end().is_empty() || rest.starts_with('#')) {
        // An inline table.
        return Some((end..end, format!(", sha256 = \"{digest}\"")));
    }
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let written = before.get(start..)?;
    let key = written.trim_start();
    let indent = written.get(..written.len() - key.len())?;
    // `account.plugin = "..."` would need its prefix, too.
    let prefix = key.strip_suffix('=').map_or(key, str::trim_end).trim_end();
    let prefix = prefix.trim_end_matches('=').trim_end().strip_suffix("plugin")?;
    let line_end = if line.ends_with('\r') { "\r\n" } else { "\n" };
    let place = end + line.len();
    let is_last = place == text.len();
    let (lead, tail) = if is_last { (line_end, "") } else { ("", line_end) };
    let place = if is_last { place } else { place + 1 };
    Some((place..place, format!("{lead}{indent}{prefix}sha256 = \"{digest}\"{tail}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "dddd";

    #[test]
    fn only_the_pin_changes() {
        for (text, want) in [
            (
                "schema = 1 # one\n[[account]]\nname = 'a'   # the first\nplugin = 'p.wasm' # here\n\
                 # sha256 = \"...\"\narmed = true\n",
                "schema = 1 # one\n[[account]]\nname = 'a'   # the first\nplugin = 'p.wasm' # here\n\
                 sha256 = \"dddd\"\n# sha256 = \"...\"\narmed = true\n",
            ),
            (
                "schema = 1\n[[account]]\nname = 'a'\nplugin = 'p'\nsha256 = 'old' # why\n",
                "schema = 1\n[[account]]\nname = 'a'\nplugin = 'p'\nsha256 = \"dddd\" # why\n",
            ),
            (
                "schema = 1\n[[account]]\n  name = 'a'\n  plugin = 'p'",
                "schema = 1\n[[account]]\n  name = 'a'\n  plugin = 'p'\n  sha256 = \"dddd\"",
            ),
            (
                "schema = 1\r\n[[account]]\r\nname = 'a'\r\nplugin = 'p'\r\narmed = true\r\n",
                "schema = 1\r\n[[account]]\r\nname = 'a'\r\nplugin = 'p'\r\nsha256 = \"dddd\"\r\n\
                 armed = true\r\n",
            ),
            (
                "schema = 1\naccount = [{ name = 'a', plugin = 'p' }]\n",
                "schema = 1\naccount = [{ name = 'a', plugin = 'p', sha256 = \"dddd\" }]\n",
            ),
            (
                "schema = 1\naccount = [{ plugin = 'p', name = 'a' }, { plugin = 'p', name = 'b' }]",
                "schema = 1\naccount = [{ plugin = 'p', sha256 = \"dddd\", name = 'a' }, \
                 { plugin = 'p', name = 'b' }]",
            ),
        ] {
            assert_eq!(pinned(text, &["a"], D).as_deref(), Some(want), "{text}");
            let again = pinned(want, &["a"], D);
            assert_eq!(again.as_deref(), Some(want), "a second time changes nothing");
        }
    }

    #[test]
    fn several_accounts_are_pinned_at_once_and_no_other() {
        let account = |name: &str, pin: &str| {
            format!("[[account]]\nname = '{name}'\nplugin = 'p'\n{pin}settings = {{}}\n")
        };
        let text =
            format!("schema = 1\n{}{}{}", account("a", ""), account("b", ""), account("c", ""));
        let pin = "sha256 = \"dddd\"\n";
        let want =
            format!("schema = 1\n{}{}{}", account("a", pin), account("b", ""), account("c", pin));
        assert_eq!(pinned(&text, &["a", "c"], D), Some(want));
    }

    #[test]
    fn what_cannot_be_read_is_not_edited() {
        assert_eq!(pinned("schema = ", &["a"], D), None);
    }
}
