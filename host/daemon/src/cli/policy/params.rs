//! `bracketd policy params`: the values that a policy decides with, and where each comes from.
//!
//! Apart because it answers one question: why is this value as it is? It changes nothing; values are
//! changed in `params.toml` beside the policies, or in the configuration.

use clap::Args;
use serde_json::Value;

use super::super::client::Client;
use super::super::exit::{Exit, Failure};
use super::super::output::{Out, list, text};
use super::super::table::{always, spare, words};

/// Which policy, and about what.
#[derive(Debug, Args)]
pub struct ParamsArgs {
    /// The policy
    name: String,
    /// As it decides about this transaction
    #[arg(long, value_name = "ID")]
    tx: Option<u64>,
}

/// Shows them. Ends with findings when newer values were not taken.
///
/// # Errors
/// Where the daemon is not reached, or knows no such policy or transaction.
pub(super) fn run(args: &ParamsArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let query = args.tx.map_or(String::new(), |id| format!("?transaction={id}"));
    let answer = client.get(&format!("/api/v1/policies/{}/params{query}", args.name))?;
    let is_bad = !list(&answer, "/diagnostics").is_empty() || !answer["problem"].is_null();
    let exit = if is_bad { Exit::Findings } else { Exit::Done };
    if out.is_json() {
        out.json(&answer);
        return Ok(exit);
    }
    let row = |param: &Value| {
        let of = |path: &str| text(param, path);
        let value = match param["unit"].as_str() {
            Some("") | None => of("/value"),
            Some(unit) => format!("{} {unit}", of("/value")),
        };
        let bounds = match (of("/min").as_str(), of("/max").as_str()) {
            ("-", "-") => "-".to_owned(),
            (min, max) => format!("{min} to {max}"),
        };
        vec![of("/name"), value, of("/origin"), bounds, of("/doc")]
    };
    let columns = [
        always("parameter"),
        always("value"),
        always("origin"),
        spare(1, "bounds"),
        words("what it is for"),
    ];
    out.table(&columns, list(&answer, "/params").iter().map(row).collect());
    if let Some(problem) = answer["problem"].as_str() {
        out.note(&format!("the values do not fit, so the policy decides nothing: {problem}"));
    }
    if let Some(text) = answer["rendered"].as_str() {
        out.note("");
        out.note(&crate::render::printable_lines(text));
        out.note("these values were not taken; those above go on");
    }
    Ok(exit)
}
