//! Traps of other brokers, `broker_27` to `broker_31` and `broker_34`, at accounts of their kind:
//! children in place, prices cut to precision, replacements under another id, one exit at a time.

use std::collections::BTreeSet;

use bracketd_core::command::{Answer, Call, How, Progress};
use bracketd_core::protection::Protection;
use bracketd_sim::broker::Capabilities as Caps;
use bracketd_sim::stage::Fate;

use crate::reports::report;
use crate::terminal::session;
use crate::words::price;

/// A change of a child after its parent had filled fails; so does one of a group's quantity (IBKR).
#[test]
fn broker_27_a_change_that_the_group_forbids_leaves_the_old_exits_and_is_tried_again() {
    session(
        Caps::IN_PLACE,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > next GROUP_CONSTRAINT GROUP_CONSTRAINT
         > stop 96
         STAGED
         > show
         #1 OPENED 10 protected
         stop sell 10 SIM @ 95 working
         target sell 10 SIM @ 110 working
         > live 10s
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 working",
    );
}

/// An order id was used twice after a reconnect; two targets for one position were refused (IBKR).
#[test]
fn broker_28_no_id_is_used_twice_and_each_part_has_a_pair_of_its_own() {
    let mut terminal = session(
        Caps::IN_PLACE,
        "> buy 10 at 99 stop 95 target 110
         #1 STAGED
         > liquidity 4
         > price 98.98
         > live 2s
         > down
         > up
         > liquidity none
         > price 98.97
         > live 4s
         > stop 96
         STAGED
         > restart
         > live 4s
         > price 98.97
         > hold 12
         STAGED
         > live 4s",
    );
    let ids: BTreeSet<_> = terminal.stage.sent.iter().map(|command| &command.client_id).collect();
    assert_eq!(ids.len(), terminal.stage.sent.len(), "{:#?}", terminal.stage.sent);
    terminal.play(
        "> show
         #1 OPENED 12 protected
         target sell 4 SIM @ 110 working
         target sell 6 SIM @ 110 working
         stop sell 4 SIM @ 96 working
         stop sell 6 SIM @ 96 working
         stop sell 2 SIM @ 96 working
         target sell 2 SIM @ 110 working",
    );
}

/// 1.12248 became 1.12247999999999; a wrong table of precisions set a stop above its entry (OANDA).
#[test]
fn broker_29_a_price_is_sent_digit_by_digit_as_it_was_taken() {
    let terminal = session(
        Caps::ATTACHED,
        "> price 0.9
         > buy 10 stop 0.8123 target 0.9877
         #1 STAGED
         > live 2s
         > stop 0.81235
         OFF_TICK
         > show
         #1 OPENED 10 protected
         stop sell 10 SIM @ 0.8123 working
         target sell 10 SIM @ 0.9877 working",
    );
    let told = (report(&terminal, "stop").trigger, report(&terminal, "target").limit);
    assert_eq!(told, (Some(price("0.8123")), Some(price("0.9877"))));
}

/// The answer to a replacement had its id in another place: a live order that nobody knew, and the
/// same change once more (tastytrade). Ids are not checked for repeats there.
#[test]
fn broker_30_a_replacement_whose_answer_cannot_be_read_is_looked_up() {
    session(
        Caps::NO_DEDUP,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 2s
         > next unheard
         > stop 96
         STAGED
         > live 20s
         > sent
         buy 10 at market
         exits of 10: stop 95, target 110
         exits of 10: stop 96, target keep
         > show
         #1 OPENED 10 protected
         target sell 10 SIM @ 110 working
         stop sell 10 SIM @ 96 held
         > picture
         > told",
    );
}

/// One exit reserves everything: there is room for the stop or for the target (Binance, Kraken).
#[test]
fn broker_31_where_one_exit_can_rest_it_is_the_stop() {
    let mut terminal = session(
        Caps::SINGLE,
        "> buy 10 stop 95 target 110
         #1 STAGED
         > live 10s
         > show
         #1 OPENED 10 protected
         stop sell 10 SIM @ 95 working
         > stop 96
         STAGED
         > live 10s
         > show
         #1 OPENED 10 protected
         stop sell 10 SIM @ 96 working",
    );
    let before = terminal.stage.sent.len();
    terminal.play("> live 1m");
    let tries = terminal.stage.sent.len() - before;
    assert!(tries <= 4, "{tries} in a minute for a target that cannot rest");
}

/// The broker said "done", and nothing had changed (TradeStation): the same order at its old price,
/// or a new one that does not exist.
#[test]
fn broker_34_a_change_that_was_confirmed_and_not_made_is_seen_and_made() {
    for caps in [Caps::IN_PLACE, Caps::ALPACA] {
        let mut terminal = session(
            caps,
            "> buy 10 stop 95 target 110
             #1 STAGED
             > live 2s
             > hold commands
             > stop 96
             STAGED",
        );
        let Call::Adjust { bracket, .. } = &terminal.stage.waiting()[0].call else {
            panic!("{:?}", terminal.stage.waiting())
        };
        let mut legs = bracket.legs.clone();
        for leg in legs.iter_mut().filter(|leg| leg.trigger.is_some()) {
            leg.trigger = Some(price("96"));
            if caps == Caps::ALPACA {
                leg.broker_id = "never-made".into();
            }
        }
        let progress = Progress::Confirmed;
        let said = Answer::Adjusted { legs, how: How::ReplacedInPlace, progress, memo: vec![] };
        terminal.stage.fates([Fate::Says(Box::new(said), false)]);
        terminal.play("> let commands go");
        // The account is read every minute.
        for _ in 0..4 {
            terminal.play("> live 1m\n > picture");
        }
        terminal.play("> live 1m");
        let rows = terminal.stage.rows();
        assert!(rows.iter().any(|row| row.starts_with("stop sell 10 SIM @ 96")), "{rows:?}");
        assert_eq!(rows.len(), 2, "{rows:?}");
        let tx = terminal.stage.tx(terminal.newest);
        assert_eq!(tx.protection, Protection::Protected, "{}", caps.name);
        // The stop that never was is known to be gone as any order that vanished.
        let told = if caps == Caps::ALPACA { "canceled" } else { "READ_BACK" };
        assert!(terminal.stage.facts.iter().any(|fact| fact.code == told), "{}", caps.name);
    }
}
