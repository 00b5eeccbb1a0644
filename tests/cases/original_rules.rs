//! Cases 31 to 45, 48, 52, 53 and 56: what scripts and people asked for, and what was made of it.

use bracketd_core::Decimal;
use bracketd_core::book::AccountRules;
use bracketd_core::guard::{Distance, GuardRules, OrderLimits};
use bracketd_core::order::{OrderKind, OrderStatus};
use bracketd_sim::broker::Capabilities as Caps;

use crate::reports::{hear, report};
use crate::terminal::{rules, session, session_with};
use crate::words::decimal;

fn guarded(guards: GuardRules) -> AccountRules {
    AccountRules { guards, ..rules() }
}

/// The smallest distance was measured from the entry: each trailing stop fell back to a loss.
#[test]
fn case_31_the_smallest_distance_is_from_the_market_and_a_gain_stays_locked_in() {
    let one_percent =
        GuardRules { min_distance: Some(Distance::Percent(Decimal::ONE)), ..Default::default() };
    session_with(
        Caps::ALPACA,
        guarded(one_percent),
        "> buy 10 stop 95 target 150
         #1 STAGED
         > live 2s
         > price 120
         > policy ratchet 118
         STAGED
         > live 2s
         > price 119
         > policy ratchet 118.5
         TOO_CLOSE
         > live 2s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 150 working
         stop sell 10 SIM @ 118 held",
    );
}

/// A rule that was always true set the stop back to where it began.
#[test]
fn case_32_a_script_does_not_loosen_a_stop() {
    session_with(
        Caps::ALPACA,
        AccountRules { stop_may_loosen: false, ..rules() },
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > policy stop 97
         STAGED
         > live 2s
         > policy stop 95
         LOOSENS
         > policy stop none
         LOOSENS
         > policy ratchet 96
         UNCHANGED
         > live 2s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 97 held",
    );
}

/// One pass adjusted the transactions of other experts too.
#[test]
fn case_33_a_script_moves_only_what_is_assigned_to_it() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > stranger stop 97
         NOT_OWNER
         > stranger close
         NOT_OWNER
         > policy stop 97
         STAGED",
    );
}

/// A comparison of the wrong kind turned the sign for longs.
#[test]
fn case_34_longs_and_shorts_are_mirror_images() {
    // asked of a long at 100, of a short at 100, the answer to both
    let rows = [
        ("stop 96", "stop 104", "STAGED"),
        ("stop 101", "stop 99", "STOP_WRONG_SIDE"),
        ("target 108", "target 92", "STAGED"),
        ("target 99", "target 101", "TARGET_WRONG_SIDE"),
        ("ratchet 97", "ratchet 103", "STAGED"),
        ("ratchet 94", "ratchet 106", "UNCHANGED"),
        ("both 111 110", "both 89 90", "STOP_WRONG_SIDE"),
    ];
    for (long, short, answer) in rows {
        for (entry, asked) in
            [("buy 10 stop 95 target 110", long), ("sell 10 stop 105 target 90", short)]
        {
            session(
                Caps::ALPACA,
                &format!("> {entry}\n #1 STAGED\n > live 2s\n > {asked}\n {answer}"),
            );
        }
    }
}

/// A pair or a stop-limit was not recognized as protection, and was rebuilt in each run.
#[test]
fn case_35_what_protects_is_left_alone_for_an_hour() {
    for caps in Caps::ALL.into_iter().filter(|caps| *caps != Caps::SINGLE) {
        let mut terminal = session(caps, "> buy 10 stop 95 target 110\n #1 STAGED\n > live 10s");
        let before = terminal.stage.sent.len();
        let mut stop = report(&terminal, "stop");
        stop.kind = OrderKind::StopLimit;
        stop.limit = stop.trigger;
        hear(&mut terminal, vec![stop]);
        terminal.play("> live 1h\n > picture\n > restart\n > live 1m");
        assert_eq!(terminal.stage.sent.len(), before, "{}", caps.name);
    }
}

/// A close was blocked by the limit for positions; another was sent again after all was gone.
#[test]
fn case_36_limits_for_entries_hold_up_no_close() {
    let largest = OrderLimits { notional: Some(decimal("1100")), ..Default::default() };
    session_with(
        Caps::ALPACA,
        guarded(GuardRules { max_order: largest, ..Default::default() }),
        "> buy 10 stop 95 target 149
         #1 STAGED
         > live 2s
         > price 140
         > buy 10 meant stop 135
         MAX_NOTIONAL
         > close
         STAGED
         > close
         UNCHANGED
         > live 4s
         > close
         ALREADY_ENDED
         > show
         #1 CLOSED closed",
    );
}

/// A transaction that waited for its own entry was counted against itself.
#[test]
fn case_37_what_waits_is_counted_once() {
    session_with(
        Caps::ALPACA,
        guarded(GuardRules { max_exposure: Some(decimal("1000")), ..Default::default() }),
        "> buy 10 at 99 stop 95 target 110
         #1 STAGED
         > stop 96
         STORED
         > price 98.98
         > live 3s
         > stop 97
         STAGED
         > buy 1 at 90 stop 80 target 110
         MAX_EXPOSURE
         > live 3s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 97 held",
    );
}

/// 296 exits were rejected in five hours, one after the other.
#[test]
fn case_38_what_is_rejected_again_and_again_is_tried_more_and_more_seldom() {
    let mut terminal = session(Caps::ALPACA, "> buy 10 at 99 stop 95 target 110\n #1 STAGED");
    terminal.stage.fates((0..500).map(|_| {
        bracketd_sim::stage::Fate::Says(
            Box::new(bracketd_core::command::Answer::Rejected(bracketd_core::broker::Fault::new(
                "NOT_TRADABLE",
                "no",
            ))),
            false,
        )
    }));
    terminal.play("> price 98.98\n > live 1m");
    let within_a_minute = terminal.stage.sent.len();
    assert!(within_a_minute <= 8, "{within_a_minute} in the first minute");
    terminal.play(
        "> told
         unprotected rejected
         > live 10m
         > told
         > show
         #1 OPENED 10 unprotected(rejected)",
    );
    let later = terminal.stage.sent.len() - within_a_minute;
    assert!(later <= 20, "{later} in ten minutes");
}

/// One step out of a position was made six times; a part that was to be sold grew to the whole.
#[test]
fn case_39_a_reduction_is_made_once() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > cancels take 3s
         > policy hold 6
         STAGED
         > policy hold 6
         BUSY
         > live 9s
         > policy hold 6
         UNCHANGED
         > account
         SIM 6
         TWO 0",
    );
}

/// The fill was known, the transaction still waited, and the same target was bought three times.
#[test]
fn case_40_the_same_entry_again_must_be_meant() {
    session(
        Caps::ALPACA,
        "> hold commands
         > buy 10 stop 95 target 110
         #1 STAGED
         > buy 10 stop 95 target 110
         DUPLICATE
         > buy 10 stop 95 target 110
         DUPLICATE
         > let commands go
         > live 2s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// Order types all became MARKET on their way in, and a status that does not exist was written.
#[test]
fn case_42_a_status_that_nobody_knows_ends_and_protects_nothing() {
    let mut terminal = session(Caps::ALPACA, "> buy 10 stop 95 target 110\n #1 STAGED\n > live 2s");
    let sent = terminal.stage.sent.len();
    let mut stop = report(&terminal, "stop");
    stop.status = OrderStatus::Unknown;
    hear(&mut terminal, vec![stop]);
    terminal.play(
        "> show
        #1 OPENED 10 pending
        target sell 10 SIM @ 110 working
        stop sell 10 SIM @ 95 held",
    );
    assert_eq!(terminal.stage.sent.len(), sent, "and no second stop is sent beside it");
}

/// "0" against 0.0: every row was written anew at every refresh.
#[test]
fn case_43_the_same_number_written_otherwise_is_no_news() {
    let mut terminal = session(Caps::ALPACA, "> buy 10 stop 95 target 110\n #1 STAGED\n > live 2s");
    let facts = terminal.stage.facts.len();
    let mut stop = report(&terminal, "stop");
    stop.trigger = Some(crate::words::price("95.000"));
    stop.quantity = crate::words::quantity("10.00");
    stop.filled = crate::words::quantity("0.0");
    hear(&mut terminal, vec![stop.clone(), stop]);
    terminal.play("> sent\n buy 10 at market\n exits of 10: stop 95, target 110");
    assert_eq!(terminal.stage.facts.len(), facts);
}

/// Stop and target together passed no check at all: of whom, in what state, on which side.
#[test]
fn case_44_both_at_once_pass_the_same_gate() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > both 110 95
         STOP_WRONG_SIDE
         > both 96 95
         TARGET_WRONG_SIDE
         > stranger both 96 112
         NOT_OWNER
         > close
         STAGED
         > live 3s
         > both 96 112
         ALREADY_ENDED",
    );
}

/// Prices of a limit entry that waited were checked against the market.
#[test]
fn case_45_prices_of_a_waiting_entry_are_checked_against_its_own_price() {
    session(
        Caps::ALPACA,
        "> buy 10 at 90 stop 85 target 110
         #1 STAGED
         > stop 95
         STOP_WRONG_SIDE
         > stop 90
         STOP_WRONG_SIDE
         > target 95
         STORED
         > both 89.99 90.01
         STORED",
    );
}

/// A close that had waited for a cancel met the checks of an entry.
#[test]
fn case_48_a_close_that_waited_is_still_a_close() {
    let largest = OrderLimits { notional: Some(decimal("1100")), ..Default::default() };
    session_with(
        Caps::ALPACA,
        guarded(GuardRules { max_order: largest, ..Default::default() }),
        "> buy 10 stop 95 target 149
         #1 STAGED
         > live 2s
         > cancels take 5s
         > close
         STAGED
         > session closed
         > price 140
         > restart
         > live 10s
         > show
         #1 CLOSED closed
         > account
         SIM 0
         TWO 0",
    );
}

/// A hook wrote back the row it had read before, and with it the old target.
#[test]
fn case_52_changes_of_one_leg_leave_the_other() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > hold commands
         > policy stop 96
         STAGED
         > target 112
         STAGED
         > policy stop 97
         STAGED
         > let commands go
         > restart
         > live 10s
         > show
         #1 OPENED 10 protected
         stop sell 10 SIM @ 97 held
         target sell 10 SIM @ 112 working",
    );
}

/// Stop and target together went around the ratchet and around a person's lock.
#[test]
fn case_53_both_at_once_meet_ratchet_and_lock() {
    session_with(
        Caps::ALPACA,
        AccountRules { stop_may_loosen: false, ..rules() },
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > policy both 94 112
         LOOSENS
         > lock target
         STORED
         > policy both 96 112
         LOCKED
         > policy stop 96
         STAGED
         > live 2s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held",
    );
}

/// A change that a lock had dropped was reported as done, with the new price.
#[test]
fn case_56_a_change_that_a_lock_forbids_is_refused() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > lock stop
         STORED
         > policy stop 97
         LOCKED
         > policy ratchet 97
         LOCKED
         > stop 96
         STAGED
         > live 2s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held",
    );
}
