//! `bracketd portfolio`: what the accounts hold and risk. Apart because it is a verb; it only
//! shows, and shows no figure that the daemon did not give.

use serde_json::Value;

use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::{Out, list, risk, text};
use super::table::{always, spare};

/// Runs the verb.
///
/// # Errors
/// Where the daemon is not reached.
pub fn run(client: &Client, out: &Out) -> Result<Exit, Failure> {
    let portfolio = client.get("/api/v1/portfolio")?;
    if out.is_json() {
        out.json(&portfolio);
        return Ok(Exit::Done);
    }
    let count = |account: &Value, path: &str| list(account, path).len().to_string();
    let rows = list(&portfolio, "/accounts").iter().map(|account| {
        vec![
            text(account, "/account"),
            text(account, "/equity"),
            text(account, "/exposure"),
            text(account, "/unrealized"),
            risk(account, "/risk"),
            count(account, "/opened"),
            count(account, "/waiting"),
            count(account, "/unprotected"),
            count(account, "/without_stop"),
        ]
    });
    let columns = [
        always("account"),
        always("equity"),
        spare(2, "exposure"),
        always("unrealized"),
        always("risk"),
        spare(3, "open"),
        spare(1, "waiting"),
        always("unprotected"),
        always("no stop"),
    ];
    out.table(&columns, rows.collect());
    let positions = list(&portfolio, "/accounts").iter().flat_map(|account| {
        list(account, "/positions").iter().map(move |position| {
            let of = |path: &str| text(position, path);
            let (account, as_of) = (text(account, "/account"), text(account, "/read_as_of"));
            vec![account, of("/symbol"), of("/quantity"), of("/avg_price"), as_of]
        })
    });
    let positions: Vec<_> = positions.collect();
    if !positions.is_empty() {
        out.line("");
        out.table(&["account", "symbol", "quantity", "average price", "as of"], positions);
    }
    Ok(Exit::Done)
}
