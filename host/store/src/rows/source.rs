//! Who asked, as three cells.
//!
//! Apart because facts and closes both keep it.

use bracketd_core::ids::PolicyName;
use bracketd_core::intent::Source;

use super::cells::Cells;
use crate::error::StoreError;

/// Kind, name and digest of a source.
pub(crate) fn cells(source: &Source) -> (&'static str, Option<&str>, Option<&str>) {
    match source {
        Source::Manual(name) => ("manual", Some(name), None),
        Source::Policy { name, digest } => ("policy", Some(name.as_str()), Some(digest)),
        Source::Broker => ("broker", None, None),
        Source::Recovery => ("recovery", None, None),
        Source::Host => ("host", None, None),
    }
}

/// The source in those three columns.
pub(crate) fn read(
    row: &Cells<'_>,
    [kind, name, digest]: [&'static str; 3],
) -> Result<Source, StoreError> {
    Ok(match row.str(kind)? {
        "manual" => Source::Manual(row.string(name)?),
        "policy" => {
            Source::Policy { name: row.name::<PolicyName>(name)?, digest: row.string(digest)? }
        }
        "broker" => Source::Broker,
        "recovery" => Source::Recovery,
        "host" => Source::Host,
        other => return Err(row.bad(kind, other)),
    })
}
