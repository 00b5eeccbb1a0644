//! Traps of Alpaca's interface around what it takes and what it makes of it, `broker_14` to
//! `broker_26`, `broker_32`, `broker_33` and `broker_35`: classes, steps, wash trades, legs that die
//! with their entry.

use bracketd_core::order::{OrderStatus, TimeInForce};
use bracketd_sim::broker::Capabilities as Caps;

use crate::reports::{done_as_it_is, hear, report};
use crate::terminal::session;

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
