//! `bracketd tx ladder`: partial targets, and how a rung is written.
//!
//! Apart because a rung is two numbers in one word. Whether they can be meant is the gate's question.

use clap::Args;
use serde_json::{Value, json};

use super::HowArgs;
use super::change::send;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Out;

/// Parts of the quantity with targets of their own.
#[derive(Debug, Args)]
pub struct LadderArgs {
    /// The transaction's number
    id: u64,
    /// A share of the quantity and its target; what the shares leave over keeps the ordinary target
    #[arg(value_name = "SHARE@PRICE", required = true, value_parser = parse)]
    rungs: Vec<Rung>,
    /// Refuse if its stop, target or ladder were changed since this version
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    how: HowArgs,
}

/// One rung as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rung {
    share: String,
    target: String,
}

fn parse(word: &str) -> Result<Rung, String> {
    match word.split_once('@') {
        Some((share, target)) if !share.is_empty() && !target.is_empty() => {
            Ok(Rung { share: share.to_owned(), target: target.to_owned() })
        }
        _ => Err("write it as SHARE@PRICE, such as 0.5@105".to_owned()),
    }
}

pub(super) fn run(args: &LadderArgs, client: &Client, out: &Out) -> Result<Exit, Failure> {
    send(args.id, "ladder", &body(args), args.how.wait, client, out)
}

fn body(args: &LadderArgs) -> Value {
    let rung = |rung: &Rung| json!({ "share": rung.share, "target": rung.target });
    json!({
        "rungs": args.rungs.iter().map(rung).collect::<Vec<_>>(),
        "why": args.how.why,
        "if_version": args.if_version,
    })
}

#[cfg(test)]
mod tests {
    use super::{LadderArgs, body};
    use clap::{Args, FromArgMatches};
    use serde_json::json;

    #[test]
    fn a_rung_is_a_share_and_a_price() {
        let parse = |line: &str| {
            let command = LadderArgs::augment_args(clap::Command::new("l").no_binary_name(true));
            let matches = command.try_get_matches_from(line.split(' ')).ok()?;
            Some(body(&LadderArgs::from_arg_matches(&matches).ok()?))
        };
        let rungs = json!([
            { "share": "0.5", "target": "105" }, { "share": "0.3", "target": "108.50" },
        ]);
        assert_eq!(
            parse("7 0.5@105 0.3@108.50 --why w"),
            Some(json!({ "rungs": rungs, "why": "w", "if_version": null }))
        );
        for wrong in ["7", "7 0.5", "7 @105", "7 0.5@", "0.5@105"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
