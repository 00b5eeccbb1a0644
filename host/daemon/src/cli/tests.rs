//! The command line as a whole: help that fits and shows an example, and verbs against a daemon.

use bracketd_core::intent::Outcome;
use bracketd_core::refusal::Refusal;
use clap::{Command, CommandFactory, Parser};

use super::exit::Exit;
use super::run::{Entries, Launch, Speed};
use super::{Cli, Common, Next, Out, Verb, run};
use crate::fixtures::opened;
use crate::http::tests::{Play, TOKEN, always_opened, bench};

fn every_command(command: &Command, path: &str, visit: &mut dyn FnMut(&str, Command)) {
    let path = format!("{path} {}", command.get_name());
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        every_command(inner, &path, visit);
    }
    visit(path.trim(), command.clone());
}

#[test]
fn every_help_fits_eighty_columns_and_every_verb_shows_an_example() {
    let mut root = Cli::command();
    root.build();
    let mut count = 0;
    every_command(&root, "", &mut |path, mut command| {
        count += 1;
        let has_verbs = command.get_subcommands().next().is_some();
        let help = command.render_long_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{path}: {line}");
        }
        assert!(has_verbs || help.contains("Example"), "{path} shows no example");
    });
    assert!(count >= 25, "{count}");
    root.debug_assert();
}

fn launch(line: &str) -> Result<Launch, super::Failure> {
    let cli = Cli::try_parse_from(line.split_whitespace()).expect(line);
    let common = Common { json: false, ..cli.common };
    match cli.verb {
        Some(Verb::Run(args)) => run::run(&args, &common, &Out::new(true)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tape_run_is_described_as_data() {
    let line = "bracketd run --tape a.csv --tape b.csv --speed 60 --entries every=500 \
                --stop-distance 0.5% --policy trailing_stop --fresh";
    let Ok(Launch::Tape(tape)) = launch(line) else { panic!("no tape") };
    assert_eq!((tape.files.len(), tape.speed), (2, Speed::Times(60)));
    assert_eq!(tape.entries, Some(Entries::Every(500)));
    assert_eq!((tape.stop_percent.to_string().as_str(), tape.is_fresh), ("0.5", true));
}

#[test]
fn flags_that_do_not_fit_together_are_refused() {
    let lines = [
        "bracketd run --demo --config x.toml",
        "bracketd run --demo --tape a.csv",
        "bracketd run --speed max",
        "bracketd run --tape a.csv --speed 0",
        "bracketd run --tape a.csv --entries every=0",
        "bracketd run --tape a.csv --stop-distance 1",
        "bracketd tx set 7",
        "bracketd tx open ACME up 10",
        "bracketd tx close 7 --wait=3600",
        "bracketd tx open ACME long 1 --policy a --no-policy",
        "bracketd frobnicate",
    ];
    for line in lines {
        let error = Cli::try_parse_from(line.split_whitespace()).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
    assert!(launch("bracketd run --fresh --config x.toml").is_err());
}

#[test]
fn the_demo_starts_over_only_when_told() {
    let Ok(Launch::Demo(demo)) = launch("bracketd run --demo") else { panic!("no demo") };
    assert!(!demo.is_fresh);
    let Ok(Launch::Demo(demo)) = launch("bracketd run --demo --fresh") else { panic!("no demo") };
    assert!(demo.is_fresh);
}

/// How a verb ends against a daemon, and what it prints.
fn ends(line: &str, outcome: Outcome, play: Play) -> (Exit, String) {
    let is_json = line.contains("--json");
    ends_on(line, outcome, play, Out::keeping(is_json))
}

/// The same, printed there.
fn ends_on(line: &str, outcome: Outcome, play: Play, out: Out) -> (Exit, String) {
    let bench = bench(outcome, play);
    let url = format!("http://{}", bench.server.address());
    let mut cli = Cli::try_parse_from(line.split_whitespace()).expect(line);
    cli.common.url = Some(url);
    cli.common.token = Some(TOKEN.to_owned());
    match super::start_with(cli, &out) {
        Next::Exit(exit) => (exit, out.kept()),
        Next::Daemon(launch) => panic!("{launch:?}"),
    }
}

#[test]
fn every_end_has_its_exit_code() {
    let no_stop: Play = |_| {
        let mut tx = opened();
        tx.orders.clear();
        Some(tx)
    };
    let rejected: Play = |_| {
        let mut tx = opened();
        tx.orders.clear();
        tx.slices[0].rejected_version = Some(tx.desired.version);
        Some(tx)
    };
    let (staged, stored) = (Outcome::Staged, Outcome::Stored);
    let refused = Outcome::Refused;
    let rows: [(&str, Outcome, Play, Exit); 16] = [
        ("bracketd tx list", stored, always_opened, Exit::Done),
        ("bracketd tx list --status closed --json", stored, always_opened, Exit::Done),
        ("bracketd tx show 7", stored, always_opened, Exit::Done),
        ("bracketd tx show 8", stored, always_opened, Exit::Refused),
        ("bracketd tx set 7 --stop 96", stored, always_opened, Exit::Done),
        ("bracketd tx set 7 --stop 96", staged, no_stop, Exit::Done),
        ("bracketd tx set 7 --stop 96 --wait", staged, always_opened, Exit::Done),
        ("bracketd tx set 7 --stop 96 --wait=0", staged, no_stop, Exit::Unknown),
        ("bracketd tx set 7 --stop 96 --wait", staged, rejected, Exit::Refused),
        ("bracketd tx set 7 --stop much", stored, always_opened, Exit::Usage),
        ("bracketd tx close 7", refused(Refusal::NotOpened), always_opened, Exit::Refused),
        (
            "bracketd tx resize 7 4 --if-version 1",
            refused(Refusal::VersionConflict),
            always_opened,
            Exit::Conflict,
        ),
        ("bracketd tx open ACME long 10", staged, always_opened, Exit::Done),
        ("bracketd tx lock 7 stop --json", stored, always_opened, Exit::Done),
        ("bracketd status", stored, always_opened, Exit::Findings),
        ("bracketd portfolio", stored, always_opened, Exit::Done),
    ];
    for (line, outcome, play, exit) in rows {
        assert_eq!(ends(line, outcome, play).0, exit, "{line}");
    }
    assert_eq!(ends("bracketd policy list", stored, always_opened).0, Exit::Done);
    assert_eq!(ends("bracketd policy reload", stored, always_opened).0, Exit::Done);
}

#[test]
fn wanted_and_working_stand_side_by_side() {
    let no_stop: Play = |_| {
        let mut tx = opened();
        tx.orders.remove(0);
        Some(tx)
    };
    let (_, shown) = ends("bracketd tx show 7", Outcome::Stored, no_stop);
    let wanted = "\
transaction 7  long 10 ACME  OPENED  version 2
account     paper (book paper)
entry       limit at 100, 10 of 10 filled, average 100, guard bracket
protection  protected
figures     price 102, profit 20 (2 %), R 0.4, at risk unlimited, realized 0
policies    trailing_stop

LEG     WANTED  WORKS  STATE
stop    95      -      staged
target  110     110    working
";
    assert!(shown.starts_with(wanted), "{shown}");
}

#[test]
fn status_says_first_what_is_not_protected() {
    let (exit, shown) = ends("bracketd status", Outcome::Stored, always_opened);
    assert_eq!(exit, Exit::Findings);
    let wanted = "\
bracketd 0.1.0  DEMO  since 1970-01-01T00:00:00.000000Z
protection    1 protected · 0 pending · 1 unprotected · 0 unknown
stops         1 stop works at another price than wanted: 8
stops         held, and no stop is wanted: 9
transactions  0 WAITING · 2 OPENED · 0 CLOSING
ready         no: account paper is not reconciled
activity      0 written, 0 lost
messages      paper: 2 of 200 a minute; waiting: 3 tighten (up to 1500 ms)

ID  ACCOUNT  SYMBOL  STATE        GAP MS  WHY
7   paper    ACME    unprotected  4000    rejected
";
    assert!(shown.starts_with(wanted), "{shown}");
}

#[test]
fn every_table_fits_a_terminal_of_eighty_columns_and_says_what_it_leaves_out() {
    let rows = [
        ("bracketd tx list", "ID  SYMBOL  SIDE  STATUS"),
        ("bracketd tx show 7", "ROLE  "),
        ("bracketd guard show", "GUARD  "),
        ("bracketd guard test", "GUARD  "),
        ("bracketd status", "ACCOUNT  "),
        ("bracketd portfolio", "ACCOUNT  "),
        ("bracketd policy list", "POLICY  "),
        ("bracketd account list", "ACCOUNT  "),
        ("bracketd kill status", "OF  "),
    ];
    for (line, title) in rows {
        for width in [80, 100, 120] {
            let out = Out::keeping(false).wide(width);
            let (_, shown) = ends_on(line, Outcome::Stored, always_opened, out);
            assert!(shown.contains(title) || width > 80, "{line}: {shown}");
            let is_table = |text: &&str| text.contains("  ") && !text.starts_with("  ");
            for text in shown.lines().filter(is_table) {
                assert!(text.chars().count() <= width, "{line} at {width}: {text}");
            }
        }
    }
}

#[test]
fn a_file_that_is_no_ledger_leads_on_and_never_back_to_the_same_verb() {
    let dir = tempfile::tempdir().unwrap();
    let junk = dir.path().join("junk.db");
    std::fs::write(&junk, "neither a database nor a ledger".repeat(99)).unwrap();
    let (file, data) = (junk.display(), dir.path().join("data"));
    std::fs::create_dir(&data).unwrap();
    std::fs::copy(&junk, data.join("ledger.db")).unwrap();
    let data = data.display();
    for line in [
        format!("bracketd db check {file}"),
        format!("bracketd db check --dir {data}"),
        format!("bracketd db restore {file} --dir {data} --yes"),
        format!("bracketd db restore {file} --dir {data} --yes --json"),
    ] {
        let cli = Cli::try_parse_from(line.split_whitespace()).expect(&line);
        let out = Out::keeping(cli.common.json);
        let Next::Exit(exit) = super::start_with(cli, &out) else { panic!("{line}") };
        let shown = out.kept();
        assert_eq!(exit, Exit::Findings, "{line}: {shown}");
        for part in ["`bracketd db check FILE` of each backup", "`bracketd run --new-ledger`"] {
            assert_eq!(shown.matches(part).count(), 1, "{line}: {part:?} in {shown}");
        }
    }
}

#[test]
fn a_failure_says_what_to_do_next_and_has_a_json_twin() {
    let outcome = Outcome::Refused(Refusal::NotOpened);
    let (_, shown) = ends("bracketd tx close 7", outcome, always_opened);
    let wanted = "error: because [NOT_OPENED]\n\
                  hint: while the entry rests, cancel the entry instead\n";
    assert_eq!(shown, wanted);
    let (_, shown) = ends("bracketd tx close 7 --json", outcome, always_opened);
    let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(value["error"]["code"], "NOT_OPENED");
    assert_eq!(value["error"]["exit"], 4);
}
