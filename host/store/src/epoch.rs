//! The lives of a ledger: each restore from a backup begins another, and so does an empty one in
//! place of a lost one.
//!
//! Apart because everything that makes an order id unique after a restore hangs on it (I3). It
//! must never be called for anything else.

use rusqlite::Connection;

use crate::error::StoreError;

/// Makes the next epoch begin, one above its own and above `other`, and disarms every account.
///
/// The ledger also gets a new id. The number alone would not do: the same backup restored twice,
/// or on another machine, would begin the same epoch again, and ids that the first life has used
/// would go out a second time.
///
/// An account that nobody ever armed or disarmed is disarmed too: else the configuration would
/// decide, and it may say `armed`.
pub(crate) fn begin(sql: &Connection, other: u32) -> Result<(), StoreError> {
    sql.execute(
        "UPDATE ledger SET epoch = max(epoch, ?) + 1, ledger_id = lower(hex(randomblob(16)))",
        [other],
    )?;
    sql.execute("UPDATE accounts SET armed = 0", [])?;
    Ok(())
}
