//! What the configuration says to the engine.
//!
//! Apart because the daemon resolves it from a file and the simulation makes it up.

use std::collections::BTreeMap;

use bracketd_core::book::AccountRules;
use bracketd_core::ids::{AccountName, PolicyName, Symbol};
use bracketd_policy::{Params, Verbs};

/// What the configuration says of one policy.
#[derive(Clone, Debug, Default)]
pub struct PolicySettings {
    /// Parameter values that differ from the script's own.
    pub params: Params,
    /// The verbs it may use.
    pub verbs: Verbs,
}

/// What the configuration says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The accounts with their rules.
    pub accounts: BTreeMap<AccountName, AccountRules>,
    /// Symbols whose prices are wanted even while nothing is held.
    pub watch: BTreeMap<AccountName, Vec<Symbol>>,
    /// Policies that differ from the default.
    pub policies: BTreeMap<PolicyName, PolicySettings>,
    /// What decides at an account from now on, in words: program and plugin with their digests. An
    /// arming that is inherited is written down with it.
    pub identities: BTreeMap<AccountName, String>,
}
