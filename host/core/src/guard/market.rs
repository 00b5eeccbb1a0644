//! What may be traded, and when (G11).
//!
//! Apart because both questions concern new risk only: what is held can always be protected and
//! closed.

use crate::book::Account;
use crate::check::{Context, No};
use crate::guard::OutsideSession;
use crate::ids::Symbol;
use crate::refusal::Refusal;

/// Whether the account may not open this instrument.
pub(crate) fn restricted(account: &Account, symbol: &Symbol) -> Result<(), No> {
    let rules = &account.rules.guards;
    let key = if rules.symbols_denied.iter().any(|denied| denied.is_spelled(symbol)) {
        "is in symbols_denied"
    } else if rules.symbols_allowed.as_ref().is_some_and(|all| !all.contains(symbol)) {
        "is not in symbols_allowed"
    } else {
        return Ok(());
    };
    let why = format!(
        "{symbol} {key} of account {}; what is held of it can still be protected and closed",
        account.name
    );
    Err((Refusal::Restricted, why))
}

/// Whether a market order to add must wait for the instrument's session.
pub(crate) fn session_closed(context: &Context<'_>, symbol: &Symbol) -> Result<(), No> {
    if context.account.rules.guards.outside_session == OutsideSession::Allow {
        return Ok(());
    }
    let session = context.account.sessions.get(symbol);
    if !session.is_some_and(|session| session.is_known_closed(context.now)) {
        return Ok(());
    }
    let why = format!(
        "the session of {symbol} is closed, and a market entry would fill at an unknown price; \
         enter at a limit, or set outside_session = \"allow\" in [account.guards]"
    );
    Err((Refusal::SessionClosed, why))
}
