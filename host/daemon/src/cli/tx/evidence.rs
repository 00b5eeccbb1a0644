//! `bracketd tx resolve` and `adopt`: what only a person who has looked at the broker can say.
//!
//! Apart from the other changes because here a person's word stands for something the daemon
//! could not see; it goes to the ledger with the name of who said it.

use clap::Args;
use serde_json::json;

use super::change::finish;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Out;

/// What became of a command.
#[derive(Debug, Args)]
#[command(
    group(clap::ArgGroup::new("became").required(true)),
    override_usage = "bracketd tx resolve <ID> <OP> <--absent|--order ORDER> --evidence TEXT"
)]
pub struct ResolveArgs {
    /// The transaction's number
    id: u64,
    /// The command's id, as `tx show` lists it
    op: String,
    /// It never took effect
    #[arg(long, group = "became")]
    absent: bool,
    /// This order at the broker is its effect
    #[arg(long, value_name = "BROKER_ID", group = "became")]
    order: Option<String>,
    /// What was seen, and where; kept in the ledger
    #[arg(long, value_name = "TEXT")]
    evidence: String,
}

/// A position to look after.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The account that holds it
    account: String,
    /// What is held
    symbol: String,
    /// long or short
    direction: String,
    /// How much of it
    quantity: String,
    /// An open exit order of it that becomes ours; give both of a linked pair
    #[arg(long = "order", value_name = "BROKER_ID")]
    orders: Vec<String>,
    /// The stop wanted; left out, that of the orders
    #[arg(long, value_name = "PRICE")]
    stop: Option<String>,
    /// The target wanted; left out, that of the orders
    #[arg(long, value_name = "PRICE")]
    target: Option<String>,
    /// A policy that looks after it; left out, the account's
    #[arg(long = "policy", value_name = "NAME")]
    policies: Vec<String>,
    /// Why; kept in the ledger
    #[arg(long, visible_alias = "reason", default_value = "", hide_default_value = true)]
    why: String,
}

pub(super) fn resolve(args: &ResolveArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let body = json!({ "op": args.op, "order": args.order, "evidence": args.evidence });
    let path = format!("/api/v1/transactions/{}/resolve", args.id);
    Ok(finish(&client.post(&path, &body, None)?, None, out))
}

pub(super) fn adopt(args: &AdoptArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let policies = (!args.policies.is_empty()).then_some(&args.policies);
    let body = json!({
        "account": args.account,
        "symbol": args.symbol,
        "direction": args.direction,
        "quantity": args.quantity,
        "orders": args.orders,
        "stop": args.stop,
        "target": args.target,
        "policies": policies,
        "why": args.why,
    });
    Ok(finish(&client.post("/api/v1/adoptions", &body, None)?, None, out))
}
