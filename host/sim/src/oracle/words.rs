//! The one bit of text that ties a fact to a wish. Apart because nothing else may read words.

/// The ticket of the wish that a fact's reason names.
pub(super) fn ticket_of(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("wish ")?;
    rest.split_once(';')?.0.parse().ok()
}
