//! The partial targets of a transaction, as a JSON array; empty where there are none.
//!
//! Apart because it is one cell with a shape of its own. The names here are read by later versions
//! and never change their meaning. Shares, prices and quantities are decimal text.

use std::str::FromStr;

use bracketd_core::Decimal;
use bracketd_core::ids::SliceNo;
use bracketd_core::ladder::Rung;
use bracketd_core::money::{Price, Quantity};
use serde_json::{Value, json};

use super::cells::Cells;
use crate::error::StoreError;

const NAMES: [&str; 5] = ["share", "target", "quantity", "left", "slice"];

pub(crate) fn write(ladder: &[Rung]) -> Option<String> {
    let rung = |rung: &Rung| {
        json!({
            "share": rung.share.to_string(),
            "target": rung.target.to_string(),
            "quantity": rung.quantity.to_string(),
            "left": rung.left.to_string(),
            "slice": rung.slice.map(|slice| slice.0),
        })
    };
    (!ladder.is_empty()).then(|| Value::Array(ladder.iter().map(rung).collect()).to_string())
}

/// The ladder of the row's transaction; column `ladder`.
pub(crate) fn read(row: &Cells<'_>) -> Result<Vec<Rung>, StoreError> {
    let Some(text) = row.opt_str("ladder")? else { return Ok(Vec::new()) };
    let all: Option<Value> = serde_json::from_str(text).ok();
    let rungs = all.as_ref().and_then(Value::as_array);
    let rungs = rungs.and_then(|rungs| rungs.iter().map(read_rung).collect());
    rungs.ok_or_else(|| row.bad("ladder", text))
}

fn read_rung(rung: &Value) -> Option<Rung> {
    let rung = rung.as_object()?;
    // What a newer program wrote here must not be dropped silently.
    if !rung.keys().all(|key| NAMES.contains(&key.as_str())) {
        return None;
    }
    let quantity = |name: &str| Quantity::new(decimal(rung.get(name)?)?);
    Some(Rung {
        share: decimal(rung.get("share")?)?,
        target: Price::new(decimal(rung.get("target")?)?)?,
        quantity: quantity("quantity")?,
        left: quantity("left")?,
        slice: match rung.get("slice")? {
            Value::Null => None,
            no => Some(SliceNo(u8::try_from(no.as_u64()?).ok()?)),
        },
    })
}

fn decimal(cell: &Value) -> Option<Decimal> {
    Decimal::from_str(cell.as_str()?).ok()
}
