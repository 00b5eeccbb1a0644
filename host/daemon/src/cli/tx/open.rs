//! `bracketd tx open`. Apart because it is the only verb that can add risk; it fills in nothing but
//! the account, and that only when there is a single one.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::HowArgs;
use super::change::finish;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Out, list, text};

/// What is opened.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// What is traded
    symbol: String,
    /// Which way it gains
    #[arg(value_enum)]
    direction: Direction,
    /// How much
    quantity: String,
    /// Enter at this price or better; left out, at the market
    #[arg(long, value_name = "PRICE")]
    limit: Option<String>,
    /// The stop wanted
    #[arg(long, value_name = "PRICE")]
    stop: Option<String>,
    /// The target wanted
    #[arg(long, value_name = "PRICE")]
    target: Option<String>,
    /// The account; may be left out when there is only one
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// The book; left out, the account's own
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// A policy that looks after it; may be repeated; left out, the account's
    #[arg(long = "policy", value_name = "NAME", conflicts_with = "no_policy")]
    policies: Vec<String>,
    /// No policy looks after it
    #[arg(long)]
    no_policy: bool,
    /// How long the entry rests
    #[arg(long, value_enum, value_name = "TIME")]
    time_in_force: Option<TimeInForce>,
    /// What happens to the rest when the entry fills in part
    #[arg(long, value_enum, value_name = "HOW")]
    on_partial: Option<OnPartial>,
    /// Send the entry without its exits, even where it could carry them
    #[arg(long)]
    plain: bool,
    /// Meant even where the same entry was asked for a moment ago
    #[arg(long)]
    distinct: bool,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    Long,
    Short,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TimeInForce {
    Day,
    Gtc,
    Ioc,
    Fok,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnPartial {
    CancelRest,
    Oco,
    Wait,
}

pub(super) fn run(args: &OpenArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    let account = match &args.account {
        Some(account) => account.clone(),
        None => only_account(client)?,
    };
    let answer = client.post("/api/v1/transactions", &body(args, &account), args.how.wait)?;
    Ok(finish(&answer, args.how.wait, out))
}

fn only_account(client: &Client) -> Result<String, Failure> {
    let status = client.get("/api/v1/status")?;
    match list(&status, "/accounts") {
        [only] => Ok(text(only, "/name")),
        accounts => {
            let names: Vec<_> = accounts.iter().map(|account| text(account, "/name")).collect();
            Err(Failure::usage("the account must be named, for there is not exactly one")
                .hint(format!("add --account with one of: {}", names.join(", "))))
        }
    }
}

fn body(args: &OpenArgs, account: &str) -> Value {
    let mut body = json!({
        "account": account,
        "symbol": args.symbol,
        "direction": word(args.direction),
        "quantity": args.quantity,
        "guard": if args.plain { "plain" } else { "native" },
        "why": args.how.why,
    });
    let policies = if args.no_policy {
        Some(json!([]))
    } else {
        (!args.policies.is_empty()).then(|| json!(args.policies))
    };
    let more = [
        ("limit", args.limit.clone().map(Value::from)),
        ("stop", args.stop.clone().map(Value::from)),
        ("target", args.target.clone().map(Value::from)),
        ("owner", args.owner.clone().map(Value::from)),
        ("time_in_force", args.time_in_force.map(word).map(Value::from)),
        ("on_partial", args.on_partial.map(word).map(Value::from)),
        ("policies", policies),
        ("distinct", args.distinct.then_some(json!(true))),
    ];
    if let Some(members) = body.as_object_mut() {
        let given = more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        members.extend(given);
    }
    body
}

/// The API's word, which is the command line's with its hyphens as underscores.
fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |v| v.get_name().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::{OpenArgs, body};
    use clap::{Args, FromArgMatches};
    use serde_json::json;

    fn parse(line: &str) -> serde_json::Value {
        let command = OpenArgs::augment_args(clap::Command::new("open").no_binary_name(true));
        let matches = command.get_matches_from(line.split(' '));
        body(&OpenArgs::from_arg_matches(&matches).unwrap(), "paper")
    }

    #[test]
    fn what_is_left_out_is_left_to_the_daemon() {
        let wanted = json!({
            "account": "paper", "symbol": "ACME", "direction": "long", "quantity": "10",
            "guard": "native", "why": "",
        });
        assert_eq!(parse("ACME long 10"), wanted);
    }

    #[test]
    fn all_flags_reach_the_daemon_under_its_own_names() {
        let line = "ACME short 5 --limit 100 --stop 105 --target 90 --owner desk --policy a \
                    --policy b --time-in-force day --on-partial cancel-rest --plain --distinct --why w";
        let wanted = json!({
            "account": "paper", "symbol": "ACME", "direction": "short", "quantity": "5",
            "limit": "100", "stop": "105", "target": "90", "owner": "desk",
            "policies": ["a", "b"], "time_in_force": "day", "on_partial": "cancel_rest",
            "guard": "plain", "why": "w", "distinct": true,
        });
        assert_eq!(parse(line), wanted);
        assert_eq!(parse("ACME long 1 --no-policy")["policies"], json!([]));
    }
}
