//! `bracketd tx`: looks at transactions and changes them.
//!
//! Apart from the API it uses: a person's word and a program's go through the same gate. Nothing is
//! checked here that the gate checks.

mod change;
mod evidence;
mod ladder;
mod open;
mod show;

use clap::{Args, Subcommand, ValueEnum};

use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::Out;

/// Verbs about transactions.
#[derive(Debug, Subcommand)]
pub enum TxVerb {
    /// List transactions
    #[command(after_help = "Example:\n  bracketd tx list --status opened")]
    List(ListArgs),
    /// Show one transaction: wanted against working, orders, figures
    #[command(after_help = "Example:\n  bracketd tx show 7")]
    Show(IdArgs),
    /// Tell what happened to a transaction and why, newest last
    #[command(after_help = "Example:\n  bracketd tx why 7")]
    Why(IdArgs),
    /// Open a transaction
    #[command(after_help = "\
Examples:
  bracketd tx open ACME long 10 --limit 100 --stop 95 --target 110
  bracketd tx open ACME short 5 --stop 105 --policy trailing_stop --wait")]
    Open(open::OpenArgs),
    /// Change the wanted stop, target or both
    #[command(after_help = "\
Examples:
  bracketd tx set 7 --stop 96.50 --why 'above the gap' --wait
  bracketd tx set 7 --target none --if-version 3")]
    Set(change::SetArgs),
    /// Give parts of the quantity targets of their own; --target of `tx set` ends that
    #[command(after_help = "\
Example:
  bracketd tx ladder 7 0.5@105 0.3@108 --why 'half at the first level' --wait")]
    Ladder(ladder::LadderArgs),
    /// Close what is held, at the market
    #[command(after_help = "Example:\n  bracketd tx close 7 --why 'news' --wait")]
    Close(change::ChangeArgs),
    /// Cancel an entry that has not filled
    #[command(after_help = "Example:\n  bracketd tx cancel-entry 7")]
    CancelEntry(change::ChangeArgs),
    /// Change how much is held
    #[command(after_help = "Example:\n  bracketd tx resize 7 5 --wait")]
    Resize(change::ResizeArgs),
    /// Settle a command whose outcome is unknown, with what was seen at the broker
    #[command(after_help = "\
Examples:
  bracketd tx resolve 7 k3j2... --absent --evidence 'not in the order list of 14:03'
  bracketd tx resolve 7 k3j2... --order 61e69015 --evidence 'confirmed by the desk'")]
    Resolve(evidence::ResolveArgs),
    /// Look after a position that somebody else made
    #[command(after_help = "\
Example:
  bracketd tx adopt paper ACME long 10 --order 61e69015 --stop 95 --why 'opened by hand'")]
    Adopt(evidence::AdoptArgs),
    /// Lock a leg: only people move it then
    #[command(after_help = "Example:\n  bracketd tx lock 7 stop")]
    Lock(change::LockArgs),
    /// Unlock a leg
    #[command(after_help = "Example:\n  bracketd tx unlock 7 stop")]
    Unlock(change::LockArgs),
    /// Let the host trail the stop no more; it stays where it is
    #[command(after_help = "Example:\n  bracketd tx clear-trail 7 --why 'by hand from here'")]
    ClearTrail(change::ChangeArgs),
    /// Take the time limit away; stop and target stay
    #[command(after_help = "Example:\n  bracketd tx clear-time-limit 7 --why 'earnings tomorrow'")]
    ClearTimeLimit(change::ChangeArgs),
    /// Say that a review which a policy asked for is done
    #[command(
        after_help = "Example:\n  bracketd tx reviewed 7 --why 'fills are as they should be'"
    )]
    Reviewed(change::ChangeArgs),
}

/// Which transactions are listed.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those with this status
    #[arg(long, value_enum)]
    status: Option<StatusWord>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StatusWord {
    Waiting,
    Opened,
    Closing,
    Closed,
    Failed,
}

/// A transaction.
#[derive(Debug, Args)]
pub struct IdArgs {
    /// The transaction's number
    id: u64,
}

/// A reason and a wait.
#[derive(Debug, Args)]
pub struct HowArgs {
    /// Why; kept in the ledger
    #[arg(long, visible_alias = "reason", default_value = "", hide_default_value = true)]
    why: String,
    /// Wait until it is done at the broker, at most so many seconds
    #[arg(
        long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
        default_missing_value = "10", value_parser = clap::value_parser!(u64).range(0..=60)
    )]
    wait: Option<u64>,
}

/// Runs the verb.
///
/// # Errors
/// Where the daemon is not reached or says no.
pub fn run(verb: &TxVerb, client: &Client, out: &Out) -> Result<Exit, Failure> {
    match verb {
        TxVerb::List(args) => show::list_all(args.status, client, out),
        TxVerb::Show(args) => show::one(args.id, client, out),
        TxVerb::Why(args) => show::why(args.id, client, out),
        TxVerb::Open(args) => open::run(args, client, out),
        TxVerb::Set(args) => change::set(args, client, out),
        TxVerb::Ladder(args) => ladder::run(args, client, out),
        TxVerb::Close(args) => change::plain(args, "close", client, out),
        TxVerb::CancelEntry(args) => change::plain(args, "cancel-entry", client, out),
        TxVerb::Resize(args) => change::resize(args, client, out),
        TxVerb::Resolve(args) => evidence::resolve(args, client, out),
        TxVerb::Adopt(args) => evidence::adopt(args, client, out),
        TxVerb::Lock(args) => change::lock(args, true, client, out),
        TxVerb::Unlock(args) => change::lock(args, false, client, out),
        TxVerb::ClearTrail(args) => change::plain(args, "clear-trail", client, out),
        TxVerb::ClearTimeLimit(args) => change::plain(args, "clear-time-limit", client, out),
        TxVerb::Reviewed(args) => change::plain(args, "reviewed", client, out),
    }
}
