//! Rows and core types: the only place where SQL names meet core names.
//!
//! Apart so that a column is written and read back by two functions that stand side by side. A
//! cell that has no meaning is a typed error that names its place, never a default.

pub(crate) mod cells;
pub(crate) mod control;
pub(crate) mod fact;
pub(crate) mod instrument;
pub(crate) mod kv;
pub(crate) mod ladder;
pub(crate) mod op;
pub(crate) mod op_body;
pub(crate) mod order;
pub(crate) mod policy;
pub(crate) mod slice;
pub(crate) mod source;
pub(crate) mod standing;
pub(crate) mod transaction;
pub(crate) mod words;

use bracketd_core::Decimal;
use bracketd_core::money::Price;

use crate::error::StoreError;

/// A table with its columns in the order in which they are bound.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) key: &'static [&'static str],
    pub(crate) columns: &'static [&'static str],
}

impl Table {
    /// Inserts a row, or changes the one with the same key.
    pub(crate) fn upsert(&self) -> String {
        let (name, key) = (self.name, self.key.join(", "));
        let values = vec!["?"; self.columns.len()].join(", ");
        let changes: Vec<String> = self
            .columns
            .iter()
            .filter(|column| !self.key.contains(column))
            .map(|column| format!("{column} = excluded.{column}"))
            .collect();
        let columns = self.columns.join(", ");
        let changes = changes.join(", ");
        format!(
            "INSERT INTO {name} ({columns}) VALUES ({values}) \
             ON CONFLICT ({key}) DO UPDATE SET {changes}"
        )
    }

    /// Inserts a row that must be new.
    pub(crate) fn insert(&self) -> String {
        let values = vec!["?"; self.columns.len()].join(", ");
        format!("INSERT INTO {} ({}) VALUES ({values})", self.name, self.columns.join(", "))
    }

    /// Reads all columns; `tail` is the rest of the statement.
    pub(crate) fn select(&self, tail: &str) -> String {
        format!("SELECT {} FROM {} {tail}", self.columns.join(", "), self.name)
    }
}

/// A number of ours as SQLite holds it.
pub(crate) fn int(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge(value))
}

/// A number of ours, where there is one.
pub(crate) fn opt_int(value: Option<u64>) -> Result<Option<i64>, StoreError> {
    value.map(int).transpose()
}

/// A price as text, where there is one.
pub(crate) fn price(value: Option<Price>) -> Option<String> {
    value.map(|price| price.get().to_string())
}

/// A decimal as text, where there is one.
pub(crate) fn decimal(value: Option<Decimal>) -> Option<String> {
    value.map(|number| number.to_string())
}
