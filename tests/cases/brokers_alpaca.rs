//! Traps of Alpaca's interface that users met, `broker_01` to `broker_26` and `broker_32` to
//! `broker_35`: reservations, replacements that come to nothing, legs that die with their entry.

use bracketd_core::order::OrderStatus;
use bracketd_core::order::TimeInForce;
use bracketd_sim::broker::Capabilities as Caps;

use crate::terminal::session;
use crate::words::{done_as_it_is, hear, report};

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
         -- asked once more, and it is so already
         exits of 10: stop 96, target keep
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

/// A time in force at a leg is ignored: the group has the entry's.
#[test]
fn broker_14_exits_rest_until_canceled_whatever_the_entry_does() {
    let terminal = session(
        Caps::ALPACA,
        "> buy 10 day stop 95 target 110
         #1 STAGED
         > live 2s",
    );
    let tif = terminal.stage.sent.iter().filter_map(|command| match &command.call {
        bracketd_core::command::Call::Adjust { bracket, .. } => Some(bracket.time_in_force),
        _ => None,
    });
    assert_eq!(tif.collect::<Vec<_>>(), [TimeInForce::Gtc]);
}

/// One leg in a bracket is an error: it has to be an OTO.
#[test]
fn broker_15_an_entry_carries_a_pair_or_a_stop_or_nothing() {
    let rows = [
        ("stop 95 target 110", "buy 10 at 99 stop 95 target 110"),
        ("stop 95", "buy 10 at 99 stop 95"),
        ("target 110", "buy 10 at 99"),
    ];
    for (wish, sent) in rows {
        session(
            Caps::ALPACA,
            &format!("> buy 10 at 99 guarded {wish}\n #1 STAGED\n > sent\n {sent}"),
        );
    }
}

/// A bracket for something that is held already is an error: "must be entry orders".
#[test]
fn broker_16_beside_a_position_an_entry_goes_out_plain_and_is_protected_after_its_fill() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         > buy 5 at 99 guarded stop 94 target 111
         #2 STAGED
         > sent
         buy 5 at 99
         > price 98.98
         > live 3s
         > show
         #1 OPENED 10 protected
         #2 OPENED 5 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held
         target sell 5 SIM @ 111 working
         stop sell 5 SIM @ 94 held",
    );
}

/// Prices between two pennies; below a dollar the step is another one.
#[test]
fn broker_17_a_price_off_its_step_is_refused_before_it_is_sent() {
    session(
        Caps::ALPACA,
        "> buy 10 at 99.005 stop 95
         OFF_TICK
         > buy 10 stop 95.001 target 110
         OFF_TICK
         > buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > stop 96.015
         OFF_TICK
         > stop 96.010
         STAGED
         > target 110.9999
         OFF_TICK
         > price TWO 1.10
         > buy 10 of TWO stop 0.9501 target 1.21
         #2 STAGED
         > target 1.2101
         OFF_TICK
         > stop 0.95015
         OFF_TICK",
    );
}

/// The market moved between the price that was checked and the order.
#[test]
fn broker_18_a_stop_that_the_market_passed_on_its_way_is_told_and_the_old_one_stays() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > unseen price 97
         > stop 98
         STAGED
         > live 1s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held
         > price 97
         > stop 96
         STAGED
         > live 3s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held",
    );
}

/// A stop already through the market: the old one was canceled, the new one refused, in a loop.
#[test]
fn broker_19_a_breached_stop_is_not_hammered() {
    let mut terminal = session(
        Caps::ALPACA,
        "> buy 10 at 99 stop 95 target 110
         #1 STAGED
         > price 98.98
         > unseen price 90
         > live 1m
         > show
         #1 OPENED 10 unprotected(breached)
         > told
         unprotected breached
         alarm BREACHED",
    );
    let tries = terminal.stage.sent.len();
    assert!(tries <= 8, "{tries} in a minute");
    // A person's new price is tried at once.
    terminal.play(
        "> price 90
         > stop 85
         STAGED
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 85 held",
    );
}

/// Own orders on both sides: a wash trade.
#[test]
fn broker_20_own_orders_that_would_meet_are_refused_with_the_name_of_the_other() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > buy 5 at 98 stop 90 target 120
         #2 STAGED
         > #1 close
         WASH_TRADE
         > #1 hold 5
         WASH_TRADE
         > #2 cancel
         STAGED
         > live 2s
         > #1 close
         STAGED
         > live 4s
         > show
         #1 CLOSED closed
         #2 CLOSED entry_ended_unfilled",
    );
}

/// A client id that was used before: the order exists already, and is to be found.
#[test]
fn broker_21_an_id_that_is_taken_leads_to_the_order_that_has_it() {
    session(
        Caps::ALPACA,
        "> next unheard
         > buy 10 at 99 stop 95 target 110
         #1 STAGED
         > price 98.98
         > live 10s
         > account
         SIM 10
         TWO 0
         > next unheard done-but-DUPLICATE_CLIENT_ID
         > stop 96
         STAGED
         > live 20s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held",
    );
}

/// A library sends again what timed out, without an id: twice the position.
#[test]
fn broker_22_an_entry_without_an_answer_is_never_bought_twice() {
    for caps in Caps::ALL {
        for fate in ["lost", "unheard", "late"] {
            let mut terminal = session(
                caps,
                &format!(
                    "> next {fate}
                     > buy 10 stop 95 target 110
                     #1 STAGED
                     > wait 300ms"
                ),
            );
            if fate == "late" {
                terminal.play("> arrives");
            }
            terminal.play("> live 30s");
            let (held, name) = (terminal.stage.held("SIM"), caps.name);
            assert_eq!(held, crate::words::decimal("10"), "{name} {fate}");
        }
    }
}

/// A bracket outside of the session is rejected there, and was taken on paper.
#[test]
fn broker_23_outside_of_the_session_only_what_may_rest_until_then_goes_out() {
    session(
        Caps::ALPACA,
        "> session closed
         > buy 10 guarded stop 95 target 110
         SESSION_CLOSED
         > buy 10 at 99 guarded stop 95 target 110
         #1 STAGED
         > stop 96
         STORED
         > session open
         > buy 10 of TWO stop 95 target 110
         #2 STAGED",
    );
}

/// An order stays pending_cancel: the answer to a cancel is only a receipt.
#[test]
fn broker_24_a_cancel_that_hangs_is_told_and_its_order_still_counts() {
    session(
        Caps::NO_REPLACE,
        "> buy 10 stop 95
         #1 STAGED
         > live 2s
         > sent
         buy 10 at market
         exits of 10: stop 95, target keep
         > cancels take 2h
         > stop 96
         STAGED
         > live 10m
         > sent
         exits of 10: stop 96, target keep
         > told
         alarm STUCK
         > show
         #1 OPENED 10 protected
         stop sell 10 SIM @ 95 pending_cancel",
    );
}

/// A pair whose stop no list shows held the shares of a liquidation.
#[test]
fn broker_25_a_close_frees_the_held_leg_too() {
    session(
        Caps::ALPACA,
        "> buy 10 at 99 guarded stop 95 target 110
         #1 STAGED
         > price 98.98
         > live 5s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held
         > close
         STAGED
         > live 5s
         > show
         #1 CLOSED closed
         > account
         SIM 0
         TWO 0",
    );
}

/// From long to short in one order is refused there.
#[test]
fn broker_26_a_position_is_closed_before_the_other_side_is_opened() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > sell 10 stop 105 target 90
         WOULD_NET
         > #1 close
         STAGED
         > sell 10 stop 105 target 90
         WOULD_NET
         > live 5s
         > sell 10 stop 105 target 90
         #2 STAGED
         > live 3s
         > show
         #1 CLOSED closed
         #2 OPENED 10 protected
         target buy 10 SIM @ 90 working
         stop buy 10 SIM @ 105 held",
    );
}

/// An entry filled in part and then ended: the legs die with it.
#[test]
fn broker_32_the_rest_of_a_bracket_that_ended_early_is_protected() {
    session(
        Caps::ALPACA,
        "> buy 10 at 99 guarded stop 95 target 110
         #1 STAGED
         > liquidity 4
         > unseen price 98.98
         > unseen price 99.5
         > broker ends entry
         > live 3s
         > show
         #1 OPENED 4 protected
         target sell 4 SIM @ 110 working
         stop sell 4 SIM @ 95 held",
    );
}

/// Fields of a stop were dropped in silence: what came back is compared with what was asked for.
#[test]
fn broker_33_a_leg_that_rests_at_another_price_is_moved() {
    let mut terminal = session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > hold commands
         > stop 96
         STAGED
         > somebody moves stop to 90",
    );
    let said = done_as_it_is(&terminal);
    terminal.stage.fates([said]);
    terminal.play(
        "> let commands go
         > live 10s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held",
    );
}

/// Both legs of a pair fill in a fast market: the position has turned over.
#[test]
fn broker_35_two_exits_that_both_filled_are_an_alarm() {
    let mut terminal = session(Caps::ALPACA, "> buy 10 stop 95 target 110\n #1 STAGED\n > live 2s");
    let legs = ["stop", "target"].map(|role| {
        let mut leg = report(&terminal, role);
        leg.status = OrderStatus::Filled;
        leg.filled = leg.quantity;
        leg.avg_price = leg.trigger.or(leg.limit);
        leg
    });
    hear(&mut terminal, legs.to_vec());
    terminal.play(
        "> told
         alarm OVERSOLD",
    );
}
