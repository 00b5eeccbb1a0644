//! Cases 5 to 12: stops and targets of an entry that has not filled, the same change three times,
//! prices that were stored and never sent or sent and never stored.

use bracketd_core::order::{Leg, OrderStatus};
use bracketd_sim::broker::Capabilities as Caps;

use crate::reports::{hear, report};
use crate::terminal::session;
use crate::words::price;

/// A stop and target of an entry that had not filled were rejected as "not open".
#[test]
fn case_05_a_waiting_transaction_takes_a_new_stop_and_target() {
    for caps in Caps::ALL.into_iter().filter(|caps| *caps != Caps::SINGLE) {
        let terminal = session(
            caps,
            "> buy 10 at 99 stop 95 target 110
             #1 STAGED
             > both 96 112
             STORED
             > sent
             buy 10 at 99
             > price 98.98
             > live 4s",
        );
        let tx = terminal.stage.tx(terminal.newest);
        let working = (tx.working(Leg::Stop), tx.working(Leg::Target));
        assert_eq!(working, (Some(price("96")), Some(price("112"))), "{}", caps.name);
    }
}

/// An entry that the broker had taken and not yet placed was an "unexpected state": no exits.
#[test]
fn case_06_an_entry_in_any_state_before_its_fill_keeps_its_wishes() {
    for status in [
        OrderStatus::PendingNew,
        OrderStatus::Inactive,
        OrderStatus::Unknown,
        OrderStatus::PendingReplace,
        OrderStatus::PendingCancel,
    ] {
        let mut terminal = session(Caps::ALPACA, "> buy 10 at 99 stop 95 target 110\n #1 STAGED");
        let mut told = report(&terminal, "entry");
        told.status = status;
        hear(&mut terminal, vec![told]);
        terminal.play(
            "> stop 96
             STORED
             > price 98.98
             > live 4s
             > show
             #1 OPENED 10 protected
             target sell 10 SIM @ 110 working
             stop sell 10 SIM @ 96 held",
        );
    }
}

/// Three layers each asked for the same change: a cascade of three replacements.
#[test]
fn case_07_the_same_change_again_sends_nothing() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > stop 96
         STAGED
         > stop 96
         UNCHANGED
         > both 96 110
         UNCHANGED
         > policy both 96 110
         UNCHANGED
         > live 2s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         exits of 10: stop 96, target keep",
    );
}

/// The skip compared stored values only, and left a stale price at the broker.
#[test]
fn case_08_a_price_that_moved_at_the_broker_is_brought_back() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > somebody moves stop to 80
         > stop 95
         UNCHANGED
         > live 3s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// A recount of the quantity wrote back a stale row and wiped a target that had just been set.
#[test]
fn case_09_a_fill_beside_a_change_leaves_the_change() {
    session(
        Caps::IN_PLACE,
        "> buy 10 at 99 stop 95
         #1 STAGED
         > liquidity 4
         > unseen price 98.98
         > target 112
         STORED
         > poll
         > restart
         > liquidity none
         > price 98.97
         > live 5s
         > show
         #1 OPENED 10 protected
         stop sell 4 SIM @ 95 working
         target sell 4 SIM @ 112 working
         stop sell 6 SIM @ 95 working
         target sell 6 SIM @ 112 working",
    );
}

/// The stop at the broker was changed and the stored one was not: 153.48 against 153.51.
#[test]
fn case_10_the_ledger_and_the_broker_have_one_stop_after_a_restart() {
    let terminal = session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > stop 96.03
         STAGED
         > restart
         > live 8s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96.03 held",
    );
    assert_eq!(terminal.stage.tx(terminal.newest).desired.stop, Some(price("96.03")));
}

/// A stop of 6 % was measured from the price before the fill, and became 4.85 %.
#[test]
fn case_11_a_stop_is_the_price_that_was_asked_for_wherever_the_entry_fills() {
    session(
        Caps::ALPACA,
        "> buy 10 at 99 stop 94 target 110
         #1 STAGED
         > price 97.5
         > live 3s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 94 held",
    );
}

/// Legs at 9999 and 0.01 stood in for prices that nobody had set.
#[test]
fn case_12_what_is_not_wanted_is_not_sent() {
    let rows = [
        ("stop 95 target 110", "exits of 10: stop 95, target 110"),
        ("stop 95", "exits of 10: stop 95, target keep"),
        ("target 110", "exits of 10: stop keep, target 110"),
        ("", ""),
    ];
    for (wish, exits) in rows {
        session(
            Caps::ALPACA,
            &format!(
                "> buy 10 {wish}
                 #1 STAGED
                 > live 3s
                 > sent
                 buy 10 at market
                 {exits}"
            ),
        );
    }
}
