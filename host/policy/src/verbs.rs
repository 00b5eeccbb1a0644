//! Which verbs a policy's configuration allows.
//!
//! Apart because the engine makes these from the configuration and every run asks them.

use std::collections::BTreeSet;

/// The toolkit verbs that change something, and whether a policy may use them unless its
/// configuration says otherwise.
const VERBS: [(&str, bool); 14] = [
    ("update_stop_loss", true),
    ("ratchet_stop", true),
    ("update_take_profit", true),
    ("set_bracket", true),
    ("close_position", true),
    ("adjust_quantity", true),
    ("cancel_entry", true),
    ("open_position", false),
    ("trail", true),
    ("triple_barrier", true),
    ("set_ladder", true),
    ("request_review", true),
    ("lock", false),
    ("halt", false),
];

/// Verbs that stand in no list: what takes a wish back, or is another word for it, goes with what
/// makes it.
const GO_WITH: [(&str, &str); 5] = [
    ("clear_take_profit", "update_take_profit"),
    ("reduce_by", "adjust_quantity"),
    ("clear_trail", "trail"),
    ("clear_time_limit", "triple_barrier"),
    ("kill", "halt"),
];

/// A name that is no verb of the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no verb {0}")]
pub struct UnknownVerb(pub String);

/// A set of verbs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verbs(BTreeSet<String>);

impl Default for Verbs {
    /// All but what opens, or reaches beyond the policy's own transaction.
    fn default() -> Self {
        let allowed = VERBS.iter().filter(|(_, is_default)| *is_default);
        Self(allowed.map(|(verb, _)| (*verb).to_owned()).collect())
    }
}

impl Verbs {
    /// Exactly these. A name that is no verb is an error of the configuration.
    ///
    /// # Errors
    /// The first unknown name.
    pub fn only<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownVerb> {
        let mut all = Self::none();
        names.into_iter().try_for_each(|name| all.allow(name))?;
        Ok(all)
    }

    /// Not one.
    pub fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// This one too.
    ///
    /// # Errors
    /// Where the list does not name it.
    pub fn allow(&mut self, name: &str) -> Result<(), UnknownVerb> {
        if !Self::known().any(|verb| verb == name) {
            return Err(UnknownVerb(name.to_owned()));
        }
        self.0.insert(name.to_owned());
        Ok(())
    }

    /// Whether the policy may use the verb. What takes a wish back goes with what makes it.
    pub fn allows(&self, verb: &str) -> bool {
        self.0.contains(Self::word(verb))
    }

    /// Under which name of the list a verb is allowed or not.
    pub(crate) fn word(verb: &str) -> &str {
        Self::goes_with(verb).unwrap_or(verb)
    }

    /// The verb of the list that this one is allowed with, where it does not stand there itself.
    pub fn goes_with(verb: &str) -> Option<&'static str> {
        GO_WITH.iter().find(|(own, _)| *own == verb).map(|(_, with)| *with)
    }

    /// Every verb that a script can call and the list does not name.
    pub(crate) fn unlisted() -> impl Iterator<Item = &'static str> {
        GO_WITH.iter().map(|(own, _)| *own)
    }

    /// Every verb there is.
    pub fn known() -> impl Iterator<Item = &'static str> {
        VERBS.iter().map(|(verb, _)| *verb)
    }

    /// The allowed ones in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_beyond_the_own_transaction_is_off_by_default() {
        let off = ["open_position", "lock", "halt"];
        let listed: Vec<&str> = VERBS.iter().filter(|(_, on)| !on).map(|(verb, _)| *verb).collect();
        assert_eq!(listed, off);
        let default = Verbs::default();
        for (verb, allowed) in VERBS {
            assert_eq!(default.allows(verb), allowed, "{verb}");
        }
    }

    #[test]
    fn an_unknown_verb_is_named() {
        assert_eq!(Verbs::only(["close_position", "clsoe"]), Err(UnknownVerb("clsoe".to_owned())));
    }

    #[test]
    fn what_goes_with_another_verb_is_allowed_with_it_and_never_alone() {
        for (own, with) in GO_WITH {
            assert_eq!(Verbs::only([own]), Err(UnknownVerb(own.to_owned())));
            let allowed = Verbs::only([with]).expect("a verb of the list");
            assert!(allowed.allows(own) && allowed.allows(with), "{own}");
            assert_eq!(Verbs::goes_with(with), None);
        }
    }
}
