//! `params.toml`, the file of parameter values beside the policies, read into plain data.
//!
//! Apart because only the syntax is known here: which policy and parameter a value is for, and where
//! it stands. Whether it fits is the policy host's business. Numbers are taken as they are written,
//! never as floats (I8).
//!
//! ```toml
//! [trailing_stop]                  # every transaction
//! trail_pct = 2.5
//! [trailing_stop.account.paper]    # narrower wins: account, then symbol, then transaction
//! trail_pct = 2
//! [trailing_stop.symbol.AAPL]
//! trail_pct = 3
//! [trailing_stop.tx.42]
//! trail_pct = 1.5
//! ```

use std::ops::Range;
use std::sync::Arc;

use bracketd_core::diagnostic::{Diagnostic, Severity};
use bracketd_core::ids::{AccountName, Symbol, TransactionId};
use bracketd_policy::{Scope, SourceFile, ValueFile, Written};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file's name in the policies' directory.
pub const VALUES_FILE: &str = "params.toml";

/// Reads the file's values.
pub(super) fn read(file: SourceFile) -> Arc<ValueFile> {
    let text = file.text.clone();
    let mut reader = Reader { file: &file, values: Vec::new(), findings: Vec::new() };
    match (&file.fault, DeTable::parse(&text)) {
        (Some(fault), _) => {
            reader.complain(fault.at..fault.at, fault.message.clone(), "cannot be read");
        }
        (None, Ok(table)) => reader.policies(table.get_ref()),
        (None, Err(error)) => {
            let span = error.span().unwrap_or(0..0);
            reader.complain(span, error.message().to_owned(), "no TOML");
        }
    }
    let (mut values, findings) = (reader.values, reader.findings);
    if !findings.is_empty() {
        values.clear();
    }
    Arc::new(ValueFile { file, values, findings })
}

struct Reader<'a> {
    file: &'a SourceFile,
    values: Vec<Written>,
    findings: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn complain(&mut self, span: Range<usize>, message: String, label: &str) {
        self.findings.push(Diagnostic {
            severity: Severity::Error,
            code: "P024",
            message,
            file: self.file.path.clone(),
            source: self.file.text.clone(),
            span: (span.start, span.end),
            label: label.to_owned(),
            help: Some(
                "write [POLICY], [POLICY.account.NAME], [POLICY.symbol.NAME] or \
                        [POLICY.tx.NUMBER] and NAME = VALUE below it"
                    .to_owned(),
            ),
        });
    }

    fn policies(&mut self, table: &DeTable<'_>) {
        for (policy, value) in table {
            match value.get_ref() {
                DeValue::Table(values) => self.policy(policy.get_ref(), values),
                _ => {
                    let message = format!("{} stands under no policy", policy.get_ref());
                    self.complain(policy.span(), message, "not a table");
                }
            }
        }
    }

    fn policy(&mut self, policy: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            match value.get_ref() {
                DeValue::Table(scopes) => {
                    for (key, value) in scopes {
                        self.scope(policy, name, key, value);
                    }
                }
                _ => self.value(policy, &Scope::Global, name, value),
            }
        }
    }

    fn scope(
        &mut self,
        policy: &str,
        kind: &Spanned<impl AsRef<str>>,
        key: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let named = key.get_ref().as_ref();
        let scope = match kind.get_ref().as_ref() {
            "account" => Some(Scope::Account(AccountName::new(named))),
            "symbol" => Some(Scope::Symbol(Symbol::new(named))),
            "tx" => named.parse().ok().map(|id| Scope::Transaction(TransactionId(id))),
            _ => None,
        };
        match (scope, value.get_ref()) {
            (Some(scope), DeValue::Table(values)) => {
                for (name, value) in values {
                    self.value(policy, &scope, name, value);
                }
            }
            _ => {
                let message =
                    format!("{}.{named} is no scope of {policy}", kind.get_ref().as_ref());
                self.complain(key.span(), message, "not an account, symbol or transaction");
            }
        }
    }

    fn value(
        &mut self,
        policy: &str,
        scope: &Scope,
        name: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let span = value.span();
        let written = || self.file.text.get(span.clone()).unwrap_or_default().replace('_', "");
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(_) | DeValue::Float(_) => written(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                let message = format!("{} is no single value", name.get_ref().as_ref());
                return self.complain(span, message, "not a number, text or flag");
            }
        };
        self.values.push(Written {
            policy: policy.to_owned(),
            scope: scope.clone(),
            name: name.get_ref().as_ref().to_owned(),
            text,
            span: (span.start, span.end),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> (Vec<String>, Vec<String>) {
        let file = read(SourceFile::new("params", "policies/params.toml", text));
        let line = |w: &Written| format!("{} {} {}={}", w.policy, w.scope, w.name, w.text);
        let found = file.findings.iter().map(|found| found.message.clone());
        (file.values.iter().map(line).collect(), found.collect())
    }

    #[test]
    fn i8_values_are_read_by_scope_and_numbers_as_they_are_written() {
        let text = "[trail]\npct = 2.50\nwait = '5m'\non = true\n[trail.account.paper]\npct = 1_000\n\
                    [trail.symbol.'BRK.B']\npct = '3'\n[trail.tx.42]\npct = 0.1\n";
        let expected = [
            "trail params.toml account paper pct=1000",
            "trail params.toml on=true",
            "trail params.toml pct=2.50",
            "trail params.toml symbol BRK.B pct=3",
            "trail params.toml tx 42 pct=0.1",
            "trail params.toml wait=5m",
        ];
        let (mut found, complaints) = values(text);
        found.sort();
        assert_eq!((found, complaints), (expected.map(str::to_owned).to_vec(), vec![]));
        assert_eq!(values(""), (vec![], vec![]), "an empty file sets nothing");
    }

    #[test]
    fn i11_a_file_with_a_fault_sets_nothing_and_names_the_place() {
        let rows = [
            ("[trail\npct = 2", "unclosed"),
            ("[trail]\npct = [1]", "no single value"),
            ("[trail.acount.paper]\npct = 1", "acount.paper is no scope of trail"),
            ("[trail.tx.x]\npct = 1", "tx.x is no scope of trail"),
            ("[trail.tx]\npct = 1", "tx.pct is no scope of trail"),
        ];
        let rows = rows.map(|(text, expected)| (format!("[good]\nx = 1\n{text}\n"), expected));
        let first = ("pct = 2\n[good]\nx = 1\n".to_owned(), "stands under no policy");
        for (text, expected) in rows.into_iter().chain([first]) {
            let (found, complaints) = values(&text);
            let first = complaints.first().unwrap_or_else(|| panic!("{text} is taken"));
            assert!(first.contains(expected), "{text}: {first}");
            assert_eq!(found, [""; 0], "{text}");
        }
    }
}
