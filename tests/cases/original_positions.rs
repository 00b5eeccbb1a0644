//! Cases 17 to 21 and 46 to 51: lists in which something was missing, networks that were down, and
//! positions that were believed gone, whole, or ours.

use bracketd_core::broker::{BrokerEvent, Fault, Found};
use bracketd_core::ids::ClientOrderId;
use bracketd_core::order::OrderStatus;
use bracketd_sim::broker::Capabilities as Caps;

use crate::reports::{hear, picture_without, report};
use crate::terminal::session;

/// The stop of a pair never appears in some lists, and was marked as canceled; pairs were doubled.
#[test]
fn case_17_a_leg_that_a_list_leaves_out_still_rests() {
    let mut terminal = session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110",
    );
    for _ in 0..3 {
        picture_without(&mut terminal, "stop");
        terminal.play("> live 6s");
    }
    terminal.play(
        "> sent
         > told
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// Old filled orders drop out of the list, and were marked as canceled.
#[test]
fn case_18_a_filled_entry_that_a_list_leaves_out_stays_filled() {
    let mut terminal = session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s",
    );
    for _ in 0..3 {
        picture_without(&mut terminal, "entry");
        terminal.play("> live 6s");
    }
    terminal.play(
        "> told
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// An order with a client id from before the database was wiped ended the whole refresh.
#[test]
fn case_19_an_order_that_nobody_knows_is_listed_and_the_rest_is_read() {
    let mut terminal = session(
        Caps::ALPACA,
        "> buy 10 at 99 stop 95 target 110
         #1 STAGED
         > somebody buys 1 stop 120
         > unseen price 98.98",
    );
    let mut picture = terminal.stage.broker.picture(0);
    picture.orders.sort_by_key(|order| order.trigger.is_none());
    picture.orders[0].client_id = Some(ClientOrderId::new("bd-aaaaaaaaaaaaaaaaaaaaaaaaaa"));
    terminal.stage.hear(BrokerEvent::Picture(picture));
    terminal.play(
        "> live 3s
         > told
         difference ORPHAN_ORDER
         > show
         #1 OPENED 10 protected
         foreign buy 1 SIM @ 120 working
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// The name service was down, the book was read as flat, eight open transactions were closed.
#[test]
fn case_20_a_read_that_failed_closes_nothing() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > broken picture
         > live 10s
         > broken picture
         > down
         > broken picture
         > wait 30s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held
         > up
         > live 10s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// Sold by hand at the broker, a transaction stayed open for ever; or closing, for five days.
#[test]
fn case_21_what_left_by_hand_is_closed_once_two_reads_agree() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > broker ends target
         > somebody sells 10
         > picture
         > show
         #1 OPENED 10 unprotected(rejected)
         > live 2s
         > told
         difference POSITION
         unprotected rejected
         > live 30s
         > show
         #1 CLOSED external
         > account
         SIM 0
         TWO 0",
    );
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > hold commands
         > close
         STAGED
         > broker ends target
         > somebody sells 10
         > let commands go
         > picture
         > live 60s
         > show
         #1 CLOSED external
         > account
         SIM 0
         TWO 0",
    );
}

/// A scheduled job was gone, and nobody noticed orders that were pending for four days.
#[test]
fn case_30_an_order_that_stays_pending_is_told() {
    let mut terminal = session(Caps::ALPACA, "> buy 10 at 99 stop 95 target 110\n #1 STAGED");
    let mut told = report(&terminal, "entry");
    told.status = OrderStatus::PendingNew;
    hear(&mut terminal, vec![told]);
    terminal.play(
        "> wait 20s
         > told
         > wait 20s
         > told
         alarm STUCK
         > live 5m
         > told",
    );
}

/// An entry filled in part and was canceled: its exit died with it, the shares were held naked.
#[test]
fn case_46_what_filled_before_the_cancel_is_protected() {
    for entry in ["", "guarded ", "cancel-rest ", "wait "] {
        session(
            Caps::ALPACA,
            &format!(
                "> buy 10 at 99 {entry}stop 95 target 110
                 #1 STAGED
                 > liquidity 4
                 > price 98.98
                 > poll
                 > price 99.5
                 > cancel
                 STAGED
                 > live 5s
                 > show
                 #1 OPENED 4 protected
                 target sell 4 SIM @ 110 working
                 stop sell 4 SIM @ 95 held"
            ),
        );
    }
}

/// A part was sold, and the whole transaction was taken for closed.
#[test]
fn case_47_a_part_that_left_leaves_the_rest_open() {
    session(
        Caps::IN_PLACE,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > hold 6
         STAGED
         > live 5s
         > show
         #1 OPENED 6 protected
         stop sell 6 SIM @ 95 working
         target sell 6 SIM @ 110 working
         > account
         SIM 6
         TWO 0",
    );
}

/// The target filled while it was being canceled for a close; the close opened a short.
#[test]
fn case_49_a_close_whose_target_filled_first_sells_nothing_more() {
    session(
        Caps::ALPACA,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > cancels take 3s
         > close
         STAGED
         > price 110
         > live 10s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         exits of 10: stop clear, target clear
         > show
         #1 CLOSED target
         > account
         SIM 0
         TWO 0",
    );
}

/// After a bracket's entry was sent, an adjustment that nobody needed canceled its legs.
#[test]
fn case_50_a_brackets_own_pair_is_kept() {
    session(
        Caps::ALPACA,
        "> buy 10 at 99 guarded stop 95 target 110
         #1 STAGED
         > price 98.98
         > live 20s
         > stop 96
         STAGED
         > live 5s
         > sent
         buy 10 at 99 stop 95 target 110
         exits of 10: stop 96, target keep
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held",
    );
}

/// A look-up failed, and the order was marked as canceled while it lived.
#[test]
fn case_51_a_look_up_that_fails_proves_nothing() {
    let mut terminal = session(
        Caps::ALPACA,
        "> hold reads
         > next answered unheard
         > buy 10 stop 95 target 110
         #1 STAGED
         > poll
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110",
    );
    let op = terminal.stage.tx(terminal.newest).ops[0].id.clone();
    for _ in 0..5 {
        let found = Found::Failed(Fault::new("TIMEOUT", "no answer"));
        terminal.stage.hear(BrokerEvent::LookedUp { op: op.clone(), found });
        terminal.play("> wait 2s");
    }
    assert_eq!(terminal.stage.tx(terminal.newest).ops.len(), 1, "still in doubt");
    terminal.play(
        "> let reads go
         > live 40s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// The entry filled before its cancel landed: closing for ever, no close, no exits.
#[test]
fn case_54_an_entry_that_fills_while_it_is_canceled_is_open_and_protected() {
    session(
        Caps::ALPACA,
        "> buy 10 at 99 stop 95 target 110
         #1 STAGED
         > cancels take 5s
         > cancel
         STAGED
         > price 98.98
         > live 10s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 95 held",
    );
}

/// One rate limit made an order an error for good; what never opened was deleted with its orders.
#[test]
fn case_55_a_rate_limit_is_waited_for_and_what_never_opened_is_kept() {
    let terminal = session(
        Caps::ALPACA,
        "> next not-sent not-sent
         > buy 10 at 99 stop 95 target 110
         #1 STAGED
         > live 3s
         > cancel
         STAGED
         > live 3s
         > restart
         > show
         #1 CLOSED entry_ended_unfilled",
    );
    assert_eq!(terminal.stage.tx(terminal.newest).orders.len(), 1);
}
