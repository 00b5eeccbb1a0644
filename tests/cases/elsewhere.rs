//! Cases that are proven elsewhere, in a better place: where the thing itself can be broken (the
//! real files, the real process, the plugin's own answers), and beside some scenarios of this
//! directory what they take for granted.
//!
//! A row names the case and the tests; a name that does not exist there fails.

/// Case, file, test.
pub(crate) const ROWS: &[(&str, &str, &str)] = &[
    // Orders were submitted at once, and the database was locked.
    (
        "case_01",
        "tests/disk.rs",
        "i3_while_somebody_locks_the_ledger_nothing_is_sent_and_nothing_is_lost",
    ),
    (
        "case_01",
        "host/store/src/tests/ledger.rs",
        "while_somebody_holds_the_write_lock_nothing_is_written_and_the_same_batch_goes_in_later",
    ),
    // A row of the activity log waited for minutes, and trading with it.
    (
        "case_02",
        "host/store/src/activity/tests/trouble.rs",
        "i12_while_the_file_is_locked_nothing_waits_and_everything_lands_afterwards",
    ),
    (
        "case_02",
        "host/store/tests/allocation.rs",
        "i12_recording_allocates_nothing_whether_the_queue_takes_it_or_not",
    ),
    // The process locked itself out between two writes: a funded entry was lost.
    (
        "case_03",
        "tests/effects.rs",
        "s1_s2_a_crash_at_any_moment_loses_nothing_and_doubles_nothing",
    ),
    (
        "case_03",
        "host/store/src/tests/ledger.rs",
        "a_full_file_writes_nothing_of_the_batch_and_the_same_batch_goes_in_later",
    ),
    // Sixty connections were used up by handles that nobody closed.
    (
        "case_04",
        "host/store/src/tests/ledger.rs",
        "a_ledger_and_its_readers_hold_as_many_files_after_many_commits_as_before",
    ),
    // The same change of a waiting transaction, down to the exchange.
    (
        "case_05",
        "tests/main_job.rs",
        "a_stop_changed_while_waiting_rests_at_the_exchange_after_the_fill",
    ),
    // Nobody asked the broker any more, for four days.
    (
        "case_30",
        "host/core/tests/core/pace.rs",
        "fills_are_asked_for_every_two_seconds_whoever_else_waits",
    ),
    (
        "case_30",
        "host/account/src/actor/seen.rs",
        "an_order_of_ours_that_no_list_shows_is_looked_up_until_it_ends",
    ),
    (
        "case_31",
        "host/core/tests/core/guards/prices.rs",
        "g16_the_smallest_distance_is_measured_from_the_market",
    ),
    // Several changes in one pass: one a leg.
    ("case_33", "host/policy/src/tests/runs.rs", "requests_are_merged_by_leg"),
    ("case_34", "host/core/tests/core/properties_mirror.rs", "longs_and_shorts_are_mirror_images"),
    // Rules without their order saw false where nothing was known.
    ("case_41", "host/policy/src/tests/traps.rs", "missing_data_skips_the_run"),
    // Kinds and states of orders as the broker writes them.
    ("case_42", "plugins/alpaca/src/status.rs", "every_status_word_in_every_place"),
    (
        "case_55",
        "host/account/src/tests/budget.rs",
        "g5_too_many_is_heard_even_where_the_plugin_makes_something_else_of_it",
    ),
    ("broker_01", "plugins/alpaca/src/tests/refusals.rs", "who_is_in_the_way_is_named"),
    (
        "broker_01",
        "host/exchange/src/book/tests/exits.rs",
        "a_second_exit_names_what_holds_the_units_case_1",
    ),
    (
        "broker_05",
        "host/core/tests/core/protocol.rs",
        "a_replace_that_was_answered_and_then_rejected_leaves_the_old_stop_standing",
    ),
    (
        "broker_06",
        "host/exchange/src/book/tests/replacing.rs",
        "a_partly_filled_order_counts_what_it_has_case_6",
    ),
    (
        "broker_08",
        "plugins/alpaca/src/tests/adjusting.rs",
        "a_change_that_is_so_already_is_unchanged",
    ),
    // A held leg is in no list of open orders, and a word of the future must not end the reader.
    (
        "broker_10",
        "host/exchange/src/book/tests/exits.rs",
        "lists_show_held_legs_only_when_nested_case_10",
    ),
    ("broker_10", "plugins/alpaca/src/tests/reading.rs", "held_means_three_things"),
    ("broker_10", "plugins/alpaca/src/status.rs", "every_status_word_in_every_place"),
    (
        "broker_13",
        "host/exchange/src/book/tests/exits.rs",
        "a_day_order_ends_with_its_day_and_takes_its_pair_along_case_13",
    ),
    ("broker_15", "plugins/alpaca/src/tests/trading.rs", "the_class_follows_the_exits"),
    ("broker_17", "host/exchange/src/price.rs", "the_step_is_decided_by_the_order_price"),
    ("broker_20", "host/exchange/src/book/tests/refusals.rs", "the_wash_trade_matrix_1_7"),
    (
        "broker_21",
        "host/exchange/src/book/tests/refusals.rs",
        "a_client_id_is_never_free_again_case_21",
    ),
    ("broker_22", "host/account/src/tests/sandbox.rs", "a_write_export_makes_one_write"),
    (
        "broker_22",
        "tests/outage.rs",
        "i13_writes_that_fail_in_any_way_are_neither_lost_nor_doubled",
    ),
    (
        "broker_33",
        "plugins/alpaca/src/tests/adjusting.rs",
        "an_answer_that_differs_from_the_request_is_named",
    ),
];

#[test]
fn every_test_that_is_named_exists() {
    for (case, file, test) in ROWS {
        let text = source(file);
        let is_there = text.contains(&format!("fn {test}("));
        assert!(is_there, "{case}: there is no test {test} in {file}");
        let before = text.split(&format!("fn {test}(")).next().expect("what is before");
        let attributes: Vec<&str> = before.lines().rev().take(5).collect();
        assert!(
            attributes.iter().any(|line| line.trim() == "#[test]")
                || before.trim_end().ends_with("#[test]"),
            "{case}: {test} in {file} is no test"
        );
    }
}

/// A file of the project, by its path from the root.
pub(crate) fn source(file: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}
