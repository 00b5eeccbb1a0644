//! The gates of the ABI, and that they close.

use super::*;

/// A change of the WIT that nobody decided on ends here; what to do stands in the message.
#[test]
fn the_abi_is_the_recorded_one_and_the_changelog_names_it() {
    is_recorded(&root().unwrap()).unwrap();
}

#[test]
fn plugins_built_for_what_was_released_go_on_loading() {
    fits_released(&root().unwrap()).unwrap();
}

/// A copy of the WIT with these words replaced.
fn changed(name: &str, from: &str, to: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("bracketd-abi-{}-{name}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let mut found = false;
    for entry in fs::read_dir(root().unwrap().join(NOW)).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        found |= text.contains(from);
        fs::write(dir.join(path.file_name().unwrap()), text.replace(from, to)).unwrap();
    }
    assert!(found, "{from}");
    dir
}

#[test]
fn the_hash_is_of_what_the_files_mean() {
    let of = |dir: &Path| Package::read(dir).unwrap().record().unwrap().sha256;
    let now = of(&root().unwrap().join(NOW));
    for (name, from, to, same) in [
        ("comment", "/// Oldest first.", "/// The oldest first.", true),
        ("layout", "enum side { buy, sell }", "enum side {\n    buy,\n    sell,\n  }", true),
        ("case", "enum side { buy, sell }", "enum side { buy, sell, short }", false),
        ("order", "enum side { buy, sell }", "enum side { sell, buy }", false),
    ] {
        let dir = changed(name, from, to);
        assert_eq!(of(&dir) == now, same, "{name}");
        fs::remove_dir_all(&dir).unwrap();
    }
}

/// What a component of yesterday bears, and what breaks it.
#[test]
fn changes_that_break_plugins_are_told_from_those_that_do_not() {
    let then = root().unwrap().join(NOW);
    let import = "interface more { f: func(); }\nworld broker-account {\n  import more;";
    for (name, from, to, fits) in [
        ("import", "world broker-account {", import, true),
        ("fewer", "  get-balance: func(ctx: call-ctx) -> result<balance, fault>;\n", "", true),
        (
            "export",
            "  get-balance: func(",
            "  get-more: func(ctx: call-ctx) -> result<balance, fault>;\n  get-balance: func(",
            false,
        ),
        (
            "field",
            "record frame { binary: bool,",
            "record frame { last: bool, binary: bool,",
            false,
        ),
        ("case", "enum side { buy, sell }", "enum side { buy, sell, short }", false),
        (
            "param",
            "get-instrument: func(ctx: call-ctx, symbol: string)",
            "get-instrument: func(ctx: call-ctx, symbol: u32)",
            false,
        ),
        ("gone", "world broker-account-streaming", "world other", false),
    ] {
        let now = changed(name, from, to);
        let told = is_compatible(&then, &now);
        assert_eq!(told.is_ok(), fits, "{name}: {told:?}");
        fs::remove_dir_all(&now).unwrap();
    }
}

#[test]
fn a_series_is_a_major_or_a_minor_before_the_first_major() {
    for (version, want) in [("0.9.0", "0.9"), ("0.9.1", "0.9"), ("1.0.0", "1"), ("1.2.3", "1")] {
        assert_eq!(series(version), want);
        assert_eq!(is_frozen(version), want == "1");
    }
}
