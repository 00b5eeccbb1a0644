//! The command line as a whole: help that fits and shows an example, and verbs against a daemon.

use clap::{Command, CommandFactory, Parser};

use super::run::{Entries, Launch, Speed};
use super::{Cli, Common, Out, Verb, run};

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
