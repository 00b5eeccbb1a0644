//! Which class a command and a read have: that of what waits for them (I14).

use bracketd_core::broker::{BrokerEvent, Fault};
use bracketd_core::command::{Answer, Read, Urgency};
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Intent, Open};
use bracketd_core::plan::{raised, urgency_of};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::OnPartial;

use crate::bench_book::{ACCOUNT, ALPACA, Bench, quantity, set_stop, set_target, wish, words};

/// The next command as `class: what it does, gain`.
fn next(b: &mut Bench) -> (bracketd_core::command::Command, String) {
    let command = b.command();
    let text =
        format!("{}: {} ({})", command.urgency.as_str(), words(&command), command.gain.normalize());
    (command, text)
}

fn opened(b: &mut Bench) -> TransactionId {
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "10", "100");
    let pair = b.command();
    b.adjusted(&pair);
    id
}

#[test]
fn i14_the_first_stop_and_each_later_move() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let (entry, text) = next(&mut b);
    assert_eq!(text, "routine: buy 10 at 100 (0)");
    let order = b.accept(&entry);
    b.fill(&order, "10", "100");
    let (pair, text) = next(&mut b);
    assert_eq!(text, "unprotected: exits of 10: stop 95, target 110 (0)");
    b.adjusted(&pair);
    for (intent, want) in [
        (set_stop(id, "96.5"), "tighten: exits of 10: stop 96.5, target keep (15)"),
        (set_stop(id, "96"), "tighten: exits of 10: stop 96, target keep (-5)"),
        (set_target(id, "111"), "routine: exits of 10: stop keep, target 111 (0)"),
    ] {
        b.person(intent);
        let (command, text) = next(&mut b);
        assert_eq!(text, want);
        b.adjusted(&command);
    }
}

#[test]
fn i14_a_gain_is_money_so_that_it_compares_between_instruments() {
    let mut b = Bench::new(ALPACA);
    let account = b.book.accounts.get_mut(&ACCOUNT.into()).unwrap();
    let mut future = (*account.instruments[&"AAA".into()]).clone();
    future.multiplier = 50.into();
    account.instruments.insert("AAA".into(), future.into());
    let id = opened(&mut b);
    b.person(set_stop(id, "96.5"));
    assert_eq!(next(&mut b).1, "tighten: exits of 10: stop 96.5, target keep (750)");
}

#[test]
fn i14_a_reduction_and_a_close_step_by_step() {
    type Wish = fn(TransactionId) -> Intent;
    let rows: [(Wish, &str, &str); 2] = [
        (
            |id| Intent::Resize { transaction: id, quantity: quantity("6") },
            "reduce: exits of 10: stop clear, target clear (0)",
            // Its exits are gone: the part that stays waits for this to be protected again.
            "unprotected: sell 4 at market (0)",
        ),
        (
            |id| Intent::Close { transaction: id },
            "close: exits of 10: stop clear, target clear (0)",
            "close: sell 10 at market (0)",
        ),
    ];
    for (intent, free, act) in rows {
        let mut b = Bench::new(ALPACA);
        let id = opened(&mut b);
        b.person(intent(id));
        let (command, text) = next(&mut b);
        assert_eq!(text, free);
        b.adjusted(&command);
        b.cancel_exits(id);
        assert_eq!(next(&mut b).1, act);
    }
    // Where exits reserve nothing they go first all the same: one that stays could fill beside it.
    let mut b = Bench::new(&[]);
    let id = opened(&mut b);
    b.person(Intent::Close { transaction: id });
    assert_eq!(next(&mut b).1, "close: exits of 10: stop clear, target clear (0)");
}

#[test]
fn i14_an_entry_that_is_to_go() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    b.accept(&entry);
    b.person(Intent::CancelEntry { transaction: id });
    assert_eq!(next(&mut b).1, "reduce: cancel o1 (0)");

    // It stands in the way of protecting what filled.
    let mut b = Bench::new(ALPACA);
    b.open(Open { on_partial: Some(OnPartial::CancelRest), ..wish() });
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "4", "100");
    assert_eq!(next(&mut b).1, "unprotected: cancel o1 (0)");
}

/// The class of the look-up that an unknown outcome leads to.
fn look_up(b: &mut Bench, command: &bracketd_core::command::Command) -> Urgency {
    b.answer(command, Answer::Unknown(Fault::new("TIMEOUT", "")));
    b.pass_ms(300);
    let (account, read) = b.last.reads.first().expect("a look-up").clone();
    urgency_of(&b.book, &account, &read)
}

#[test]
fn i14_a_look_up_takes_the_class_of_what_waits_for_it() {
    let mut b = Bench::new(ALPACA);
    b.open(wish());
    let entry = b.command();
    assert_eq!(look_up(&mut b, &entry), Urgency::Reduce, "an entry may have filled");

    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(set_target(id, "111"));
    let target = b.command();
    assert_eq!(look_up(&mut b, &target), Urgency::Reduce);

    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(set_stop(id, "96"));
    let stop = b.command();
    assert_eq!(look_up(&mut b, &stop), Urgency::Unprotected, "a stop in doubt");

    let mut b = Bench::new(&[]);
    let id = opened(&mut b);
    b.person(Intent::Close { transaction: id });
    let free = b.command();
    assert_eq!(look_up(&mut b, &free), Urgency::Unprotected, "the stop may be gone already");
}

#[test]
fn i14_a_look_up_is_behind_the_complete_read_that_a_start_begins_with() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(set_stop(id, "96"));
    let stop = b.command();
    b.answer(&stop, Answer::Unknown(Fault::new("TIMEOUT", "")));
    b.pass_ms(300);
    let (account, read) = b.last.reads.first().expect("a look-up").clone();
    b.book.accounts.get_mut(&account).unwrap().is_reconciled = false;
    let picture = Read::Picture { since: Timestamp(0) };
    let [look_up, picture] = [read, picture].map(|read| urgency_of(&b.book, &account, &read));
    assert_eq!((look_up, picture), (Urgency::Close, Urgency::Unprotected));
}

#[test]
fn i14_reads_of_an_account() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let order = |b: &Bench, role| {
        let orders = &b.tx(id).orders;
        orders.iter().find(|o| o.role == role).unwrap().broker_id.clone()
    };
    use bracketd_core::order::Role;
    let (stop, target) = (order(&b, Role::Stop), order(&b, Role::Target));
    let picture = Read::Picture { since: Timestamp(0) };
    for (read, want) in [
        (picture.clone(), Urgency::Reduce),
        (Read::Instrument("AAA".into()), Urgency::Read),
        (Read::Refresh { orders: vec!["nobody's".into()] }, Urgency::Read),
        (Read::Refresh { orders: vec!["nobody's".into(), target.clone()] }, Urgency::Close),
        (Read::Refresh { orders: vec![target, stop] }, Urgency::Unprotected),
    ] {
        assert_eq!(urgency_of(&b.book, &ACCOUNT.into(), &read), want, "{read:?}");
    }
    b.book.accounts.get_mut(&ACCOUNT.into()).unwrap().is_reconciled = false;
    let urgency = urgency_of(&b.book, &ACCOUNT.into(), &picture);
    assert_eq!(urgency, Urgency::Unprotected, "not even a stop goes out before it");
}

#[test]
fn i14_what_is_on_its_way_is_raised_when_something_worse_waits_behind_it() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    assert_eq!(raised(&b.book, id), None, "nothing is on its way");
    b.person(set_stop(id, "96"));
    let moved = b.command();
    assert_eq!((moved.urgency, raised(&b.book, id)), (Urgency::Tighten, None));
    b.person(Intent::Close { transaction: id });
    assert!(b.sent.is_empty(), "i4: the close waits for the move");
    assert_eq!(raised(&b.book, id), Some(Urgency::Close));
    b.cancel_exits(id);
    assert_eq!(raised(&b.book, id), Some(Urgency::Unprotected));
    let fault = Fault::new("NOT_FOUND", "");
    b.tell(BrokerEvent::Answer { op: moved.op, answer: Answer::Rejected(fault) });
    assert_eq!(b.sent.first().map(|next| next.urgency), Some(Urgency::Close));
}
