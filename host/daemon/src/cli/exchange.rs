//! `bracketd exchange`: the paper exchange as a process of its own.
//!
//! Apart because it is the other side: it shares nothing with the daemon but the wire.

use std::net::SocketAddr;
use std::path::PathBuf;

use bracketd_core::Decimal;
use bracketd_exchange::{
    AccountConfig, Exchange, ExchangeConfig, Feed, JournalError, MarketConfig, StartError,
    TapeFile, TapeSpeed,
};
use clap::Args;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::output::Out;
use super::run::Speed;

/// What the exchange is started with.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bracketd exchange --bind 127.0.0.1:8742 --account PKTEST:secret
  bracketd exchange --tape btc.csv --speed max --book btc.book
  bracketd exchange --manual      prices only by POST /admin/price")]
pub struct ExchangeArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    bind: SocketAddr,
    /// An account; may be repeated
    #[arg(
        long = "account", default_value = "PKTEST:secret", value_name = "KEY:SECRET[:CASH]",
        value_parser = account
    )]
    accounts: Vec<AccountConfig>,
    /// Prices only by hand
    #[arg(long, conflicts_with = "tape")]
    manual: bool,
    /// Recorded prices; may be repeated; left out, a simulated market
    #[arg(long, value_name = "FILE")]
    tape: Vec<PathBuf>,
    /// Splits to undo in daily bars
    #[arg(long, value_name = "FILE", requires = "tape")]
    splits: Option<PathBuf>,
    /// Pace: "max" waits for acknowledgments (tapes only), N is so many times
    #[arg(long, value_name = "max|N")]
    speed: Option<Speed>,
    /// Seed of the simulated market
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Where the state is kept across restarts; left out, in memory
    #[arg(long, value_name = "FILE")]
    book: Option<PathBuf>,
    /// End when standard input ends: with the process that started it
    #[arg(long)]
    until_stdin_ends: bool,
    /// Requests per account and minute; left out, as many as come
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u32>,
}

/// Runs the exchange until the process is ended.
///
/// # Errors
/// Where it cannot be started.
pub fn run(args: &ExchangeArgs, out: &Out) -> Result<Exit, Failure> {
    let config = config(args)?;
    if args.until_stdin_ends {
        end_with_stdin();
    }
    let told = |url: &str| {
        if out.is_json() {
            out.json_line(&json!({ "url": url }));
        } else {
            out.line(url);
        }
    };
    Exchange::run_blocking(&config, told).map_err(|error| not_started(&error))?;
    Ok(Exit::Done)
}

/// What a tape is; said where a file is none.
const TAPE: &str = "a tape is a CSV file of recorded prices whose first line is \
     timestamp,bid,ask or timestamp,open,high,low,close,volume or \
     symbol,date,open,high,low,close,volume: `bracketd run --tape FILE`";

/// Why the exchange does not start, with what to do.
fn not_started(error: &StartError) -> Failure {
    let (code, hint) = match error {
        StartError::Tape(_) => ("BAD_TAPE", TAPE),
        StartError::Journal(JournalError::InUse { .. }) => ("BOOK_IN_USE", ""),
        StartError::Journal(_) => ("BAD_BOOK", "name another file with --book"),
        StartError::Listen { .. } => ("NOT_STARTED", "name another address with --bind"),
        StartError::NoAccount | StartError::KeyTwice(_) => {
            ("NOT_STARTED", "name each account once: --account KEY:SECRET")
        }
    };
    Failure::new(Exit::Usage, code, error.to_string()).hint(hint)
}

/// A process that was killed cannot end its children; a pipe from it ends by itself.
fn end_with_stdin() {
    std::thread::spawn(|| {
        // Whatever is read, or fails to be, the end is what counts.
        let _read = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}

fn config(args: &ExchangeArgs) -> Result<ExchangeConfig, Failure> {
    let feed = if args.manual {
        Feed::Manual
    } else if args.tape.is_empty() {
        let speed = match args.speed {
            None => 1,
            Some(Speed::Times(times)) => times,
            Some(Speed::Max) => {
                return Err(Failure::usage("only a tape can be run at --speed max")
                    .hint("add --tape FILE, or write a number"));
            }
        };
        Feed::Market(MarketConfig { seed: args.seed, speed, ..MarketConfig::default() })
    } else {
        let file = |path: &PathBuf| TapeFile {
            path: path.clone(),
            symbol: None,
            splits: args.splits.clone(),
        };
        let speed = match args.speed {
            None | Some(Speed::Max) => TapeSpeed::Max,
            Some(Speed::Times(times)) => TapeSpeed::Factor(times),
        };
        Feed::Tape { files: args.tape.iter().map(file).collect(), speed }
    };
    let mut accounts = args.accounts.clone();
    if !args.tape.is_empty() {
        for account in &mut accounts {
            // Recorded years must not expire the stops of a run over them.
            account.book.gtc_days = None;
        }
    }
    Ok(ExchangeConfig {
        bind: args.bind,
        accounts,
        feed,
        assets: Vec::new(),
        book_file: args.book.clone(),
        requests_per_minute: args.requests_per_minute,
    })
}

fn account(text: &str) -> Result<AccountConfig, String> {
    let mut parts = text.splitn(3, ':');
    let (key, secret) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    if key.is_empty() || secret.is_empty() {
        return Err("write KEY:SECRET or KEY:SECRET:CASH".to_owned());
    }
    let cash = match parts.next() {
        None => Decimal::from(100_000),
        Some(cash) => Decimal::from_str_exact(cash)
            .map_err(|_| format!("\"{cash}\" is not an amount of money"))?,
    };
    Ok(AccountConfig::new(key, secret, cash))
}

#[cfg(test)]
mod tests {
    use super::{ExchangeArgs, Exit, account, config, not_started};
    use bracketd_exchange::{Exchange, Feed, TapeSpeed};
    use clap::{Args, FromArgMatches};

    fn parse(line: &str) -> ExchangeArgs {
        let command = ExchangeArgs::augment_args(clap::Command::new("exchange"));
        let words = std::iter::once("exchange").chain(line.split_whitespace());
        ExchangeArgs::from_arg_matches(&command.get_matches_from(words)).unwrap()
    }

    #[test]
    fn flags_choose_where_prices_come_from() {
        assert!(matches!(config(&parse("")).unwrap().feed, Feed::Market(m) if m.seed == 42));
        assert_eq!(config(&parse("--manual")).unwrap().feed, Feed::Manual);
        let fast = |feed| match feed {
            Feed::Tape { files, speed } => (files.len(), speed),
            other => panic!("{other:?}"),
        };
        let feed = config(&parse("--tape a.csv --tape b.csv")).unwrap().feed;
        assert_eq!(fast(feed), (2, TapeSpeed::Max));
        let feed = config(&parse("--tape a.csv --speed 60")).unwrap().feed;
        assert_eq!(fast(feed), (1, TapeSpeed::Factor(60)));
        assert_eq!(config(&parse("--speed max")).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_file_that_is_no_tape_is_told_what_a_tape_is_and_how_it_is_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.csv");
        for text in [None, Some("buy low, sell high\n"), Some("timestamp,bid,ask\nnow,1,2\n")] {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let config = config(&parse(&format!("--tape {}", path.display()))).unwrap();
            let told = not_started(&Exchange::spawn(&config).unwrap_err());
            assert_eq!((told.exit, &*told.code), (Exit::Usage, "BAD_TAPE"), "{text:?}");
            assert!(told.message.contains("notes.csv"), "{}", told.message);
            for part in ["timestamp,bid,ask", "`bracketd run --tape FILE`"] {
                assert!(told.hint.contains(part), "{}", told.hint);
            }
        }
    }

    #[test]
    fn an_account_needs_a_key_and_a_secret() {
        assert_eq!(account("k:s:5.50").unwrap().book.cash.to_string(), "5.50");
        assert_eq!(account("k:s").unwrap().secret, "s");
        for text in ["", "k", "k:", ":s", "k:s:much"] {
            assert!(account(text).is_err(), "{text}");
        }
    }
}
