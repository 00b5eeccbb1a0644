//! The cells of a row that was read, each as the type it stands for.
//!
//! Apart because every table reads the same handful of types. What cannot be read is an error that
//! names table, row, column and text.

use std::str::FromStr;

use bracketd_core::Decimal;
use bracketd_core::money::{Price, Quantity};
use bracketd_core::time::Timestamp;
use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::Table;
use super::words::Word;
use crate::error::StoreError;

/// One row of a table.
pub(crate) struct Cells<'a> {
    row: &'a Row<'a>,
    table: &'static Table,
}

impl<'a> Cells<'a> {
    pub(crate) fn new(row: &'a Row<'a>, table: &'static Table) -> Self {
        Self { row, table }
    }

    /// The error of a cell whose text has no meaning.
    pub(crate) fn bad(&self, column: &'static str, text: impl Into<String>) -> StoreError {
        let show = |name: &&str| match self.row.get_ref(*name) {
            Ok(ValueRef::Integer(number)) => number.to_string(),
            Ok(ValueRef::Text(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => "?".to_owned(),
        };
        let row: Vec<String> = self.table.key.iter().map(show).collect();
        let (table, row) = (self.table.name, row.join("/"));
        StoreError::BadValue { table, row, column, text: text.into() }
    }

    pub(crate) fn opt_str(&self, column: &'static str) -> Result<Option<&'a str>, StoreError> {
        match self.row.get_ref(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(self.bad(column, String::from_utf8_lossy(bytes))),
            },
            other => Err(self.bad(column, format!("{other:?}"))),
        }
    }

    pub(crate) fn str(&self, column: &'static str) -> Result<&'a str, StoreError> {
        self.opt_str(column)?.ok_or_else(|| self.bad(column, "NULL"))
    }

    pub(crate) fn string(&self, column: &'static str) -> Result<String, StoreError> {
        self.str(column).map(str::to_owned)
    }

    pub(crate) fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        match self.row.get_ref(column)? {
            ValueRef::Blob(bytes) => Ok(bytes.to_vec()),
            other => Err(self.bad(column, format!("{other:?}"))),
        }
    }

    /// A name or an id.
    pub(crate) fn name<T: From<&'a str>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.str(column).map(T::from)
    }

    pub(crate) fn opt_name<T: From<&'a str>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.opt_str(column)?.map(T::from))
    }

    /// A word of a fixed set.
    pub(crate) fn word<T: Word>(&self, column: &'static str) -> Result<T, StoreError> {
        let text = self.str(column)?;
        T::parse(text).ok_or_else(|| self.bad(column, text))
    }

    pub(crate) fn opt_int<T: TryFrom<i64>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let Some(number) = self.row.get::<_, Option<i64>>(column)? else { return Ok(None) };
        T::try_from(number).map(Some).map_err(|_| self.bad(column, number.to_string()))
    }

    pub(crate) fn int<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.opt_int(column)?.ok_or_else(|| self.bad(column, "NULL"))
    }

    pub(crate) fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        match self.int::<i64>(column)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.bad(column, other.to_string())),
        }
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp)
    }

    pub(crate) fn opt_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_int(column)?.map(Timestamp))
    }

    pub(crate) fn opt_decimal(&self, column: &'static str) -> Result<Option<Decimal>, StoreError> {
        let Some(text) = self.opt_str(column)? else { return Ok(None) };
        Decimal::from_str(text).map(Some).map_err(|_| self.bad(column, text))
    }

    pub(crate) fn decimal(&self, column: &'static str) -> Result<Decimal, StoreError> {
        self.opt_decimal(column)?.ok_or_else(|| self.bad(column, "NULL"))
    }

    pub(crate) fn opt_price(&self, column: &'static str) -> Result<Option<Price>, StoreError> {
        let Some(number) = self.opt_decimal(column)? else { return Ok(None) };
        Price::new(number).map(Some).ok_or_else(|| self.bad(column, number.to_string()))
    }

    pub(crate) fn price(&self, column: &'static str) -> Result<Price, StoreError> {
        self.opt_price(column)?.ok_or_else(|| self.bad(column, "NULL"))
    }

    pub(crate) fn opt_quantity(
        &self,
        column: &'static str,
    ) -> Result<Option<Quantity>, StoreError> {
        let Some(number) = self.opt_decimal(column)? else { return Ok(None) };
        Quantity::new(number).map(Some).ok_or_else(|| self.bad(column, number.to_string()))
    }

    pub(crate) fn quantity(&self, column: &'static str) -> Result<Quantity, StoreError> {
        self.opt_quantity(column)?.ok_or_else(|| self.bad(column, "NULL"))
    }

    /// A list of texts in JSON.
    pub(crate) fn list(&self, column: &'static str) -> Result<Vec<String>, StoreError> {
        let text = self.str(column)?;
        serde_json::from_str(text).map_err(|_| self.bad(column, text))
    }

    /// A list of pairs of texts in JSON.
    pub(crate) fn pairs(&self, column: &'static str) -> Result<Vec<(String, String)>, StoreError> {
        let text = self.str(column)?;
        serde_json::from_str(text).map_err(|_| self.bad(column, text))
    }
}
