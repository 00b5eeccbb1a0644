//! What a shipped policy is for and when not to use it, in a line each.
//!
//! Apart because `policy new --list` and `policy docs` say the same. The words are those of the
//! script's header; nothing is said here that is not there.

/// The two things to know before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The first sentence.
    pub(super) what: String,
    /// When not to use it; empty where the header does not say.
    pub(super) not_for: String,
}

impl About {
    /// Those of a header, whose paragraphs are broken by hand.
    pub(super) fn of(doc: &str) -> Self {
        let paragraphs: Vec<String> =
            doc.split("\n\n").map(|paragraph| paragraph.trim().replace('\n', " ")).collect();
        let first = paragraphs.first().map_or("", String::as_str);
        let what = match first.split_once(". ") {
            Some((sentence, _)) => format!("{sentence}."),
            None => first.to_owned(),
        };
        let not_for = paragraphs.iter().find(|paragraph| paragraph.starts_with("Not "));
        Self { what, not_for: not_for.cloned().unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::About;

    #[test]
    fn a_sentence_is_whole_and_what_it_is_not_for_is_told() {
        let about =
            About::of("Closes\nall of it. On the\nway more.\n\nMore.\n\nNot for a:\nb. Not c.");
        assert_eq!(about.what, "Closes all of it.");
        assert_eq!(about.not_for, "Not for a: b. Not c.");
        assert_eq!(About::of("").not_for, "");
    }

    /// Every shipped policy says both, in whole sentences.
    #[test]
    fn shipped_policies_say_both() {
        for file in bracketd_policy::shipped().policies {
            let about = About::of(&file.doc());
            let is_whole = |text: &str| text.len() > 20 && text.ends_with('.');
            assert!(is_whole(&about.what) && is_whole(&about.not_for), "{}: {about:?}", file.name);
        }
    }
}
