//! Traps of Alpaca's interface around exits and their changes, `broker_01` to `broker_13`:
//! reservations, replacements that come to nothing, ends that nobody tells.

use bracketd_core::order::OrderStatus;
use bracketd_sim::broker::Capabilities as Caps;

use crate::reports::{hear, report};
use crate::terminal::session;

/// A second exit on the same shares is rejected, with the orders that hold them.
#[test]
fn broker_01_an_exit_of_somebody_else_that_holds_the_shares_is_told_and_outlived() {
    let mut terminal = session(
        Caps::ALPACA,
        "> buy 10 at 99 stop 95 target 110
         #1 STAGED
         > price 98.98
         > somebody sells 10 stop 80
         > live 5s
         > told
         unprotected rejected
         > picture
         > told
         difference ORPHAN_ORDER
         > show
         #1 OPENED 10 unprotected(rejected)
         foreign sell 10 SIM @ 80 working",
    );
    let foreign = terminal.stage.broker.live().next().expect("it lives").id;
    terminal.stage.broker.end(foreign);
    terminal.play(
        "> live 40s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// Shares are reserved until a cancel is confirmed: to wait on the status, not on a sleep.
#[test]
fn broker_02_a_sale_waits_for_the_confirmed_cancel_however_long_it_takes() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         > cancels take 25s
         > hold 6
         STAGED
         > live 24s
         > sent
         exits of 10: stop clear, target clear
         > live 6s
         > sent
         sell 4 at market
         exits of 6: stop 95, target 110",
    );
}

/// A close beside a resting stop: cancel, wait, close; and the stop again when the close fails.
#[test]
fn broker_03_a_close_that_is_rejected_gets_its_stop_back() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > next answered HALTED
         > close
         STAGED
         > live 4s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         exits of 10: stop clear, target clear
         sell 10 at market
         exits of 10: stop 95, target 110
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// A replacement was refused, and had been made all the same: two orders.
#[test]
fn broker_04_a_replacement_that_was_refused_and_made_is_found_and_not_doubled() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > next done-but-NOT_REPLACEABLE
         > stop 96
         STAGED
         > live 20s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         exits of 10: stop 96, target keep
         -- both are asked for by their id, and it is so already
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held",
    );
}

/// The old order fills before it is replaced: the broker says yes or no, and nothing is left.
#[test]
fn broker_05_a_replacement_that_lost_against_the_fill_leaves_a_closed_transaction() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > hold commands
         > stop 96
         STAGED
         > unseen price 94
         > let commands go
         > live 20s
         > show
         #1 CLOSED stop
         > account
         SIM 0
         TWO 0",
    );
}

/// A replacement after a partial fill counts the whole quantity again: too much is sold.
#[test]
fn broker_06_a_stop_moved_after_a_partial_fill_is_of_what_is_left() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > liquidity 4
         > price 110
         > price 100
         > live 3s
         > stop 96
         STAGED
         > live 5s
         > show
         #1 OPENED 6 protected
         target sell 6 SIM @ 110 partially_filled
         stop sell 6 SIM @ 96 held
         > liquidity none
         > price 95.5
         > live 5s
         > show
         #1 CLOSED stop
         > account
         SIM 0
         TWO 0",
    );
}

/// A replacement of the price alone is refused for want of shares.
#[test]
fn broker_07_a_replacement_that_is_refused_leaves_the_old_stop_and_is_tried_again() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > next INSUFFICIENT_QTY INSUFFICIENT_QTY
         > stop 96
         STAGED
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held
         > live 10s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held",
    );
}

/// "Order parameters are not changed" is an error there, and means that all is well.
#[test]
fn broker_08_a_change_that_is_so_already_is_done() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > somebody moves stop to 96
         > stop 96
         STAGED
         > live 5s
         > told
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held",
    );
}

/// Two quick changes: "order chain not fully replaced", and the position was left naked.
#[test]
fn broker_09_of_quick_changes_one_is_on_its_way_and_the_newest_follows() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         > hold commands
         > stop 96
         STAGED
         > stop 97
         STAGED
         > stop 98
         STAGED
         > sent
         exits of 10: stop 96, target keep
         > next NOT_REPLACEABLE
         > let commands go
         > live 5s
         > sent
         exits of 10: stop 98, target keep
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 98 held",
    );
}

/// The target fills, and no event tells of the stop's cancel.
#[test]
fn broker_11_a_stop_whose_end_nobody_told_is_looked_after() {
    let mut terminal = session(Caps::ALPACA, "> buy 10 stop 95 target 110\n #1 STAGED\n > live 2s");
    let mut target = report(&terminal, "target");
    terminal.play("> unseen price 110.5");
    target.status = OrderStatus::Filled;
    target.filled = target.quantity;
    target.avg_price = target.limit;
    hear(&mut terminal, vec![target]);
    terminal.play(
        "> show
         #1 CLOSED target
         > wait 20s
         > picture",
    );
    let tx = terminal.stage.tx(terminal.newest);
    assert!(tx.orders.iter().all(|order| order.status.is_terminal()), "{:#?}", tx.orders);
}

/// A leg that the server made looks like somebody else's unless its id is known in time.
#[test]
fn broker_12_the_legs_of_a_bracket_whose_answer_was_lost_are_ours() {
    session(
        Caps::ALPACA,
        "> next unheard
         > buy 10 at 99 guarded stop 95 target 110
         #1 STAGED
         > picture
         > live 10s
         > picture
         > told
         > price 98.98
         > live 5s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held
         > sent
         buy 10 at 99 stop 95 target 110",
    );
}

/// The legs of a day order end with the day: naked over night.
#[test]
fn broker_13_exits_that_end_by_themselves_are_told_and_made_again() {
    let terminal = session(
        Caps::ALPACA,
        "> buy 10 day stop 95 target 110
         #1 STAGED
         > live 2s
         > broker ends target
         > live 3s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
    let gaps = terminal.stage.tx(terminal.newest).gaps;
    assert_eq!(gaps.count, 2, "after the fill, and after the end: {gaps:?}");
}
