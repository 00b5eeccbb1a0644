//! Cases 13 to 29: replacements that came too early or never, fills that raced, positions that
//! were believed gone, closes in their own way, exits that a broker would not take.

use bracketd_sim::broker::Capabilities as Caps;

use crate::terminal::{rules, session, session_with};

/// The replacement was sent while the old order still held the shares, and was rejected: naked.
#[test]
fn case_13_a_replacement_waits_until_the_shares_are_free() {
    session(
        Caps::NO_REPLACE,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > cancels take 5s
         > stop 96
         STAGED
         > live 4s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         exits of 10: stop 96, target keep
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 pending_cancel
         stop sell 10 SIM @ 95 held
         > live 3s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held",
    );
}

/// The replacement waited for a cancel of an order that had filled, for three days.
#[test]
fn case_14_what_was_to_be_replaced_fills_and_nothing_waits_for_its_cancel() {
    session(
        Caps::NO_REPLACE,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > cancels take 5s
         > stop 96
         STAGED
         > price 110
         > live 10s
         > show
         #1 CLOSED target
         > account
         SIM 0
         TWO 0",
    );
}

/// The staged quantity was stale: 181 to protect, 122 held. And: a cancel raced a partial fill,
/// 4 of 6 were sold, the book kept 6.
#[test]
fn case_15_a_partial_fill_before_the_cancel_counts_and_the_rest_is_protected() {
    session(
        Caps::NO_REPLACE,
        "> buy 6 stop 95 target 110
         #1 STAGED
         > live 2s
         > cancels take 5s
         > stop 96
         STAGED
         > liquidity 4
         > price 110
         > price 100
         > live 10s
         > show
         #1 OPENED 2 protected
         target sell 2 SIM @ 110 working
         stop sell 2 SIM @ 96 held
         > account
         SIM 2
         TWO 0",
    );
}

/// Two refreshes overlapped and both submitted.
#[test]
fn case_16_the_same_news_twice_sends_nothing_twice() {
    session(
        Caps::ALPACA,
        "> buy 10 at 99 stop 95 target 110
         #1 STAGED
         > unseen price 98.98
         > poll
         > picture
         > picture
         > live 3s
         > picture
         > sent
         buy 10 at 99
         exits of 10: stop 95, target 110
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// A market close was sent while a pair held the shares.
#[test]
fn case_22_a_close_frees_its_own_shares_first() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         > cancels take 3s
         > close
         STAGED
         > live 2s
         > show
         #1 CLOSING 10 protected
         target sell 10 SIM @ 110 pending_cancel
         stop sell 10 SIM @ 95 held
         > live 4s
         > sent
         exits of 10: stop clear, target clear
         sell 10 at market
         > show
         #1 CLOSED closed",
    );
}

/// A partial exit was rejected because the position's own stop held all of it.
#[test]
fn case_23_a_part_is_sold_after_its_stop_is_gone_and_the_rest_gets_it_back() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > hold 6
         STAGED
         > live 4s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         exits of 10: stop clear, target clear
         sell 4 at market
         exits of 6: stop 95, target 110
         > show
         #1 OPENED 6 protected
         target sell 6 SIM @ 110 working
         stop sell 6 SIM @ 95 held",
    );
}

/// A protective leg was rejected as a wash trade beside another transaction's entry: naked.
#[test]
fn case_24_no_stop_loses_its_sibling_beside_an_entry_that_would_reject_it() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > buy 5 at 98 stop 90 target 120
         #2 STAGED
         > #1 target none
         WASH_TRADE
         > #1 stop 96
         STAGED
         > live 2s
         > show
         #1 OPENED 10 protected
         #2 WAITING 0 not_wanted
         target sell 10 SIM @ 110 working
         entry buy 5 SIM @ 98 working
         stop sell 10 SIM @ 96 held",
    );
}

/// Entries were locked behind a permanent stop for nine days, told to nobody.
#[test]
fn case_25_an_entry_that_a_stop_would_block_is_refused_at_once() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95
         #1 STAGED
         > live 2s
         > buy 5 at 98 stop 90 target 120
         WASH_TRADE
         > live 10s
         > show
         #1 OPENED 10 protected
         stop sell 10 SIM @ 95 working",
    );
}

/// An entry that was held back went out later without the stop that it was to carry.
#[test]
fn case_26_an_entry_that_goes_out_again_carries_its_stop_again() {
    session(
        Caps::ALPACA,
        "> next not-sent not-sent
         > buy 10 at 99 stop 95 target 110 guarded
         #1 STAGED
         > live 5s
         > sent
         buy 10 at 99 stop 95 target 110
         buy 10 at 99 stop 95 target 110
         buy 10 at 99 stop 95 target 110
         > show
         #1 WAITING 0 not_wanted
         entry buy 10 SIM @ 99 working
         target sell 10 SIM @ 110 contingent
         stop sell 10 SIM @ 95 contingent",
    );
}

/// Protective legs of quantity zero: 23 of 96.
#[test]
fn case_27_exits_are_of_what_is_held_and_never_of_nothing() {
    for caps in Caps::ALL {
        let terminal = session(
            caps,
            "> buy 10 at 99 stop 95 target 110 oco
             #1 STAGED
             > live 2s
             > stop 96
             STORED
             > sent
             buy 10 at 99
             > liquidity 4
             > price 98.98
             > live 2s
             > liquidity none
             > price 98.97
             > live 20s",
        );
        let tx = terminal.stage.tx(terminal.newest);
        assert_eq!(tx.held().to_string(), "10", "{}", caps.name);
        for command in &terminal.stage.sent {
            let words = crate::words::command_words(command);
            assert!(!words.starts_with("exits of 0"), "{}: {words}", caps.name);
        }
    }
}

/// A stop that the market had passed was rejected: ERROR for good, its reason lost.
#[test]
fn case_28_a_breached_stop_is_told_with_its_reason_and_tried_again() {
    session(
        Caps::ALPACA,
        "> buy 10 at 99 stop 95 target 110
         #1 STAGED
         > price 98.98
         > unseen price 94
         > poll
         > told
         unprotected breached
         alarm BREACHED
         > show
         #1 OPENED 10 unprotected(breached)
         > unseen price 97
         > live 4s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
    let close = bracketd_core::book::AccountRules {
        on_breached: bracketd_core::book::OnBreached::Close,
        ..rules()
    };
    session_with(
        Caps::ALPACA,
        close,
        "> buy 10 at 99 stop 95 target 110
         #1 STAGED
         > price 98.98
         > unseen price 94
         > poll
         > live 2s
         > show
         #1 CLOSED closed",
    );
}

/// A broker's rejection was written down as a success.
#[test]
fn case_29_a_rejection_is_a_rejection_with_the_brokers_words() {
    let terminal = session(
        Caps::ALPACA,
        "> next INSUFFICIENT_BUYING_POWER
         > buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > show
         #1 FAILED entry_rejected",
    );
    let settled = terminal.stage.facts.iter().find(|fact| fact.code == "rejected");
    let text = &settled.expect("the row is settled").text;
    assert!(text.ends_with("INSUFFICIENT_BUYING_POWER: says the broker"), "{text}");
}
