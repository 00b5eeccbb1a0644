//! Where a parameter's value comes from: the script, the configuration, or the file of values by
//! account, symbol and transaction.
//!
//! Apart because the narrower scope wins in one place, for a run and for whoever asks why a value is
//! as it is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bracketd_core::ids::{AccountName, Symbol, TransactionId};

/// Where a value comes from; a later one wins over an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The script's own `init`.
    Script,
    /// `[policy.NAME] params` of the configuration.
    Config,
    /// `[NAME]` of `params.toml`.
    Global,
    /// `[NAME.account.ACCOUNT]`.
    Account(AccountName),
    /// `[NAME.symbol.SYMBOL]`.
    Symbol(Symbol),
    /// `[NAME.tx.NUMBER]`.
    Transaction(TransactionId),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script => f.write_str("script"),
            Self::Config => f.write_str("config"),
            Self::Global => f.write_str("params.toml"),
            Self::Account(name) => write!(f, "params.toml account {name}"),
            Self::Symbol(symbol) => write!(f, "params.toml symbol {symbol}"),
            Self::Transaction(id) => write!(f, "params.toml tx {id}"),
        }
    }
}

/// What a run is about, as far as values depend on it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The account.
    pub account: Option<&'a AccountName>,
    /// What is traded; none for a run about an account.
    pub symbol: Option<&'a Symbol>,
    /// The transaction; none for a run about an account.
    pub transaction: Option<TransactionId>,
}

impl About<'_> {
    /// Nothing in particular.
    pub const ANY: About<'static> = About { account: None, symbol: None, transaction: None };
}

type Layers = BTreeMap<Scope, BTreeMap<String, String>>;

/// What is set for a policy: texts by scope and parameter name, read by the script's own
/// declaration. Cloning shares.
#[derive(Clone, Debug, Default)]
pub struct Params(Arc<Layers>);

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Params {}

impl Params {
    /// Sets one, as the configuration does. `text` is what a JSON or TOML file would say: `2.5`,
    /// `true`, `"5d"`.
    pub fn set(&mut self, name: &str, text: &str) {
        self.set_in(Scope::Config, name, text);
    }

    /// Sets one in a scope.
    pub fn set_in(&mut self, scope: Scope, name: &str, text: &str) {
        let layer = Arc::make_mut(&mut self.0).entry(scope).or_default();
        layer.insert(name.to_owned(), text.to_owned());
    }

    /// Scopes, names and texts, the widest scope first.
    pub fn iter(&self) -> impl Iterator<Item = (&Scope, &str, &str)> {
        self.0.iter().flat_map(|(scope, layer)| {
            layer.iter().map(move |(name, text)| (scope, name.as_str(), text.as_str()))
        })
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in which something is set.
    pub(super) fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.0.keys()
    }

    /// The scopes that concern it and in which something is set, the widest first.
    pub(crate) fn concerning(&self, about: &About<'_>) -> Vec<Scope> {
        let mut all = vec![Scope::Config, Scope::Global];
        all.extend(about.account.cloned().map(Scope::Account));
        all.extend(about.symbol.cloned().map(Scope::Symbol));
        all.extend(about.transaction.map(Scope::Transaction));
        all.retain(|scope| self.0.contains_key(scope));
        all
    }

    /// What is set in those scopes, in their order.
    pub(super) fn within<'a>(
        &'a self,
        scopes: &'a [Scope],
    ) -> impl Iterator<Item = (&'a Scope, &'a str, &'a str)> {
        scopes.iter().filter_map(|scope| self.0.get_key_value(scope)).flat_map(|(scope, layer)| {
            layer.iter().map(move |(name, text)| (scope, name.as_str(), text.as_str()))
        })
    }
}
