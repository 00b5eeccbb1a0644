//! The file of parameter values, `params.toml`: checked as one set, taken whole or not at all.
//!
//! Apart because a value may be wrong only beside another one, or only for a version of a script
//! that comes with it: values and scripts are looked at together, and what does not fit leaves the
//! values before it deciding (I11). It never reads the file's syntax.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bracketd_core::diagnostic::Diagnostic;
use bracketd_core::ids::{AccountName, PolicyName, Symbol, TransactionId};

use super::scope::{About, Params, Scope};
use crate::policy::Policy;
use crate::source::SourceFile;
use crate::span::{complain, nearest};

/// Combinations of scopes whose values are looked at together; more are refused.
const COMBINATIONS_MAX: usize = 4_096;

/// `params.toml` as somebody else has read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueFile {
    /// The file.
    pub file: SourceFile,
    /// Every value that it sets.
    pub values: Vec<Written>,
    /// Why it cannot be read as values; then there are none.
    pub findings: Vec<Diagnostic>,
}

/// One value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The policy.
    pub policy: String,
    /// The scope.
    pub scope: Scope,
    /// The parameter.
    pub name: String,
    /// The value, as [`Params::set`] takes it.
    pub text: String,
    /// Where it stands, in bytes.
    pub span: (usize, usize),
}

/// The values that decide.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    /// By policy, those of the configuration among them.
    pub(crate) params: BTreeMap<PolicyName, Params>,
    /// The file they are from.
    pub(crate) file: Option<Arc<ValueFile>>,
}

impl Taken {
    /// The configuration's values with those of the file over them.
    pub(crate) fn of(config: &BTreeMap<PolicyName, Params>, file: Option<&Arc<ValueFile>>) -> Self {
        let mut params = config.clone();
        for written in file.iter().flat_map(|file| &file.values) {
            let own = params.entry(PolicyName::new(&written.policy)).or_default();
            own.set_in(written.scope.clone(), &written.name, &written.text);
        }
        Self { params, file: file.cloned() }
    }

    /// What is wrong with the file's values for these policies.
    pub(crate) fn findings(&self, policies: &BTreeMap<PolicyName, Arc<Policy>>) -> Vec<Diagnostic> {
        let Some(file) = &self.file else { return Vec::new() };
        let mut found = file.findings.clone();
        for written in &file.values {
            found.extend(wrong(file, written, policies));
        }
        let named: BTreeSet<&str> = file.values.iter().map(|w| w.policy.as_str()).collect();
        let policies = named.iter().filter_map(|name| policies.get(&PolicyName::new(name)));
        if !found.is_empty() {
            return found;
        }
        for policy in policies {
            if let Err(why) = self.fits(policy) {
                let place = file.values.iter().find(|w| w.policy == policy.name().as_str());
                let span = place.map_or((0, 0), |written| written.span);
                found.push(complain(&file.file, "P024", span, format!("{}: {why}", policy.name())));
            }
        }
        found
    }

    /// Whether everything that is set for the policy fits it, in every combination of scopes.
    ///
    /// # Errors
    /// The first reason why not, with the scopes.
    pub(crate) fn fits(&self, policy: &Policy) -> Result<(), String> {
        let Some(params) = self.params.get(policy.name()) else { return Ok(()) };
        for about in combinations(params)? {
            let about =
                About { account: about.0.as_ref(), symbol: about.1.as_ref(), transaction: about.2 };
            if let Err(why) = policy.values(params, &about) {
                let scopes: Vec<String> =
                    params.concerning(&about).iter().map(ToString::to_string).collect();
                return Err(format!("{why} ({})", scopes.join(", ")));
            }
        }
        Ok(())
    }
}

type Combination = (Option<AccountName>, Option<Symbol>, Option<TransactionId>);

fn combinations(params: &Params) -> Result<Vec<Combination>, String> {
    let (mut accounts, mut symbols, mut transactions) = (vec![None], vec![None], vec![None]);
    for scope in params.scopes() {
        match scope {
            Scope::Script | Scope::Config | Scope::Global => {}
            Scope::Account(name) => accounts.push(Some(name.clone())),
            Scope::Symbol(symbol) => symbols.push(Some(symbol.clone())),
            Scope::Transaction(id) => transactions.push(Some(*id)),
        }
    }
    let count = accounts.len() * symbols.len() * transactions.len();
    if count > COMBINATIONS_MAX {
        return Err(format!(
            "values for {} accounts, {} symbols and {} transactions are {count} combinations; at \
             most {COMBINATIONS_MAX} are looked at: remove those of transactions that have ended",
            accounts.len() - 1,
            symbols.len() - 1,
            transactions.len() - 1
        ));
    }
    let mut all = Vec::with_capacity(count);
    for account in &accounts {
        for symbol in &symbols {
            for transaction in &transactions {
                all.push((account.clone(), symbol.clone(), *transaction));
            }
        }
    }
    Ok(all)
}

fn wrong(
    file: &ValueFile,
    written: &Written,
    policies: &BTreeMap<PolicyName, Arc<Policy>>,
) -> Option<Diagnostic> {
    let at = |message: String| complain(&file.file, "P024", written.span, message);
    let Some(policy) = policies.get(&PolicyName::new(&written.policy)) else {
        let mut found = at(format!("there is no policy {}", written.policy));
        let near = nearest(&written.policy, policies.keys().map(PolicyName::as_str));
        found.help = near.map(|near| format!("did you mean {near}?"));
        return Some(found);
    };
    let error = policy.admit(&written.name, &written.text).err()?;
    Some(at(error.to_string()))
}

/// What a set of values changes, a line for each value.
pub(crate) fn changes(before: &Taken, after: &Taken) -> Vec<String> {
    type Line = (PolicyName, Scope, String);
    let lines = |of: &Taken| -> BTreeMap<Line, String> {
        let all = of.params.iter().flat_map(|(policy, params)| {
            let line = |(scope, name, text): (&Scope, &str, &str)| {
                ((policy.clone(), scope.clone(), name.to_owned()), text.to_owned())
            };
            params.iter().map(line).collect::<Vec<_>>()
        });
        all.collect()
    };
    let (before, after) = (lines(before), lines(after));
    let keys: BTreeSet<&Line> = before.keys().chain(after.keys()).collect();
    let changed = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    let line = |key: &Line| {
        let text = |of: &BTreeMap<Line, String>| of.get(key).cloned().unwrap_or("unset".to_owned());
        format!("{}.{} ({}): {} -> {}", key.0, key.2, key.1, text(&before), text(&after))
    };
    changed.map(line).collect()
}

impl ValueFile {
    /// Tables for accounts that there are not, one complaint for each.
    pub(crate) fn without_account(&self, accounts: &[AccountName]) -> Vec<Diagnostic> {
        let mut told = BTreeSet::new();
        let mut found = Vec::new();
        for written in &self.values {
            let Scope::Account(name) = &written.scope else { continue };
            if accounts.contains(name) || !told.insert((&written.policy, name)) {
                continue;
            }
            let message = format!("there is no account {name} in the configuration");
            let mut one = complain(&self.file, "P024", self.head(written, name.as_str()), message);
            let names: Vec<&str> = accounts.iter().map(AccountName::as_str).collect();
            one.help = Some(match nearest(name.as_str(), names.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are: {}", names.join(", ")),
            });
            found.push(one);
        }
        found
    }

    /// The last place before the value where that name stands: the head of its table, as a rule.
    fn head(&self, written: &Written, name: &str) -> (usize, usize) {
        let before = self.file.text.get(..written.span.0).unwrap_or_default();
        before.rfind(name).map_or(written.span, |at| (at, at + name.len()))
    }

    /// Content hash of the file.
    pub fn digest(&self) -> String {
        crate::source::digest(&self.file, [])
    }
}
