//! Instruments and accounts.
//!
//! Apart because they come from the broker and are kept only so that a start can check prices
//! before the broker has been read again.

use std::str::FromStr;
use std::sync::LazyLock;

use bracketd_core::Decimal;
use bracketd_core::ids::AccountName;
use bracketd_core::instrument::{Features, Instrument, PriceBand};
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::{Table, decimal};
use crate::error::StoreError;

pub(crate) static INSTRUMENTS: Table = Table {
    name: "instruments",
    key: &["account", "symbol"],
    columns: &[
        "account",
        "symbol",
        "broker_symbol",
        "currency",
        "bands",
        "qty_step",
        "min_qty",
        "max_qty",
        "min_notional",
        "multiplier",
        "features",
    ],
};

/// The released column `read_until` is written and read by nobody.
pub(crate) static ACCOUNTS: Table =
    Table { name: "accounts", key: &["name"], columns: &["name", "armed", "broker_account"] };

static UPSERT: LazyLock<String> = LazyLock::new(|| INSTRUMENTS.upsert());

/// Makes the account's row if there is none; other rows refer to it.
pub(crate) fn ensure_account(sql: &Connection, name: &AccountName) -> Result<(), StoreError> {
    sql.prepare_cached("INSERT INTO accounts (name) VALUES (?) ON CONFLICT (name) DO NOTHING")?
        .execute([name.as_str()])?;
    Ok(())
}

pub(crate) fn write(
    sql: &Connection,
    account: &AccountName,
    instrument: &Instrument,
) -> Result<(), StoreError> {
    ensure_account(sql, account)?;
    let band = |band: &PriceBand| (band.above.to_string(), band.tick.to_string());
    let bands: Vec<(String, String)> = instrument.bands.iter().map(band).collect();
    let features: Vec<&str> = instrument.features.keys().collect();
    sql.prepare_cached(&UPSERT)?.execute(params![
        account.as_str(),
        instrument.symbol.as_str(),
        instrument.broker_symbol,
        instrument.currency,
        serde_json::json!(bands).to_string(),
        instrument.qty_step.to_string(),
        instrument.min_qty.get().to_string(),
        decimal(instrument.max_qty.map(|quantity| quantity.get())),
        decimal(instrument.min_notional),
        instrument.multiplier.to_string(),
        serde_json::json!(features).to_string(),
    ])?;
    Ok(())
}

pub(crate) fn read(row: &Cells<'_>) -> Result<(AccountName, Instrument), StoreError> {
    let band = |(above, tick): (String, String)| match (
        Decimal::from_str(&above),
        Decimal::from_str(&tick),
    ) {
        (Ok(above), Ok(tick)) => Ok(PriceBand { above, tick }),
        _ => Err(row.bad("bands", format!("{above}, {tick}"))),
    };
    let instrument = Instrument {
        symbol: row.name("symbol")?,
        broker_symbol: row.string("broker_symbol")?,
        currency: row.string("currency")?,
        bands: row.pairs("bands")?.into_iter().map(band).collect::<Result<_, _>>()?,
        qty_step: row.decimal("qty_step")?,
        min_qty: row.quantity("min_qty")?,
        max_qty: row.opt_quantity("max_qty")?,
        min_notional: row.opt_decimal("min_notional")?,
        multiplier: row.decimal("multiplier")?,
        features: Features::new(row.list("features")?),
    };
    Ok((row.name("account")?, instrument))
}
