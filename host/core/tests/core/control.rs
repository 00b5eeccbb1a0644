//! Kill switch, arming and the loss halt: who may do what at which level, and what the planner
//! makes of a level.

use bracketd_core::Decimal;
use bracketd_core::apply::Transition;
use bracketd_core::broker::{Balance, BrokerEvent, Fault, History, OrderReport, Picture, Position};
use bracketd_core::command::{Answer, Progress};
use bracketd_core::control::{KillFile, KillLevel, file_seen};
use bracketd_core::fact::FactKind;
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Intent, Open, Source, Verdict, Wish};
use bracketd_core::order::{Leg, OrderStatus};
use bracketd_core::protection::{Exposed, Protection};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::TransactionStatus;

use crate::bench_book::{
    ACCOUNT, ALPACA, Bench, decimal, price, quantity, set_stop, set_target, wish, words,
};
use crate::lives::{opened, sold};

fn policy() -> Source {
    Source::Policy { name: "trail".into(), digest: "d1".into() }
}

fn kill(level: KillLevel) -> Intent {
    Intent::Kill { account: None, level, reset_baseline: false }
}

fn kill_account(level: KillLevel, reset_baseline: bool) -> Intent {
    Intent::Kill { account: Some(ACCOUNT.into()), level, reset_baseline }
}

fn arm(armed: bool) -> Intent {
    Intent::Arm { account: ACCOUNT.into(), armed }
}

fn at(level: KillLevel) -> (Bench, TransactionId) {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.sent.clear();
    if level != KillLevel::Off {
        assert_eq!(b.person(kill(level)).code(), "STORED");
    }
    (b, id)
}

/// Every intent about a long of 10 with stop 95 and target 110, by a letter.
fn intents(id: TransactionId) -> [(&'static str, Intent); 12] {
    let clear = Intent::Protect { transaction: id, stop: Wish::Clear, target: Wish::Keep };
    let both = Intent::Protect {
        transaction: id,
        stop: Wish::Set(price("96")),
        target: Wish::Set(price("110")),
    };
    let resize = |to| Intent::Resize { transaction: id, quantity: quantity(to) };
    [
        ("open", Intent::Open(Box::new(wish()))),
        ("tighten", set_stop(id, "96")),
        ("tighten, same target", both),
        ("loosen", set_stop(id, "94")),
        ("clear the stop", clear),
        ("move the target", set_target(id, "111")),
        ("ratchet", Intent::Ratchet { transaction: id, stop: price("96") }),
        ("close", Intent::Close { transaction: id }),
        ("reduce", resize("5")),
        ("grow", resize("12")),
        ("cancel the entry", Intent::CancelEntry { transaction: id }),
        ("lock", Intent::Lock { transaction: id, leg: Leg::Stop, locked: true }),
    ]
}

#[test]
fn g8_what_people_and_policies_may_do_at_each_level() {
    use KillLevel::{CancelEntries, Flatten, Freeze, Off, ProtectOnly};
    let people = [
        (Off, vec![]),
        (Freeze, vec!["open", "grow"]),
        (ProtectOnly, vec!["open", "loosen", "clear the stop", "move the target", "grow"]),
        (CancelEntries, vec!["open", "loosen", "clear the stop", "move the target", "grow"]),
        (Flatten, vec!["open", "loosen", "clear the stop", "move the target", "grow"]),
    ];
    let host = || Source::Host;
    let ann = || Source::Manual("ann".into());
    for (level, refused) in people {
        for who in [ann, host] {
            let mut killed = Vec::new();
            for (name, _) in intents(TransactionId(1)) {
                let (mut b, id) = at(level);
                let (_, intent) = intents(id).into_iter().find(|(n, _)| *n == name).expect("it");
                if b.ask(intent, who()).code() == "KILLED" {
                    killed.push(name);
                }
            }
            assert_eq!(killed, refused, "{level:?} {:?}", who());
        }
        let mut let_through = Vec::new();
        for (name, _) in intents(TransactionId(1)) {
            let (mut b, id) = at(level);
            let (_, intent) = intents(id).into_iter().find(|(n, _)| *n == name).expect("it");
            if b.ask(intent, policy()).code() != "KILLED" {
                let_through.push(name);
            }
        }
        assert_eq!(let_through.is_empty(), level != Off, "policies at {level:?}: {let_through:?}");
    }
}

#[test]
fn on_a_full_disk_nobody_opens_or_grows_and_everything_else_goes_on() {
    for who in [policy(), Source::Manual("ann".into())] {
        let mut refused = Vec::new();
        for (name, _) in intents(TransactionId(1)) {
            let (mut b, id) = at(KillLevel::Off);
            b.book.is_disk_full = true;
            let (_, intent) = intents(id).into_iter().find(|(n, _)| *n == name).expect("it");
            if b.ask(intent, who.clone()).code() == "DISK_FULL" {
                refused.push(name);
            }
        }
        assert_eq!(refused, ["open", "grow"], "{who:?}");
    }
}

#[test]
fn g8_a_missing_stop_may_be_set_at_protect_only() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let clear = Intent::Protect { transaction: id, stop: Wish::Clear, target: Wish::Keep };
    b.person(clear);
    b.person(kill(KillLevel::ProtectOnly));
    assert_eq!(b.person(set_stop(id, "90")).code(), "STAGED");
    assert_eq!(b.person(set_stop(id, "89")).code(), "KILLED", "now there is one to loosen");
}

#[test]
fn g8_only_people_and_the_host_may_ask_and_only_people_lower() {
    use KillLevel::{Freeze, Off, ProtectOnly};
    let ann = || Source::Manual("ann".into());
    let rows: [(Source, Intent, &str); 9] = [
        (policy(), kill(Freeze), "VERB_NOT_ALLOWED"),
        (policy(), arm(false), "VERB_NOT_ALLOWED"),
        (Source::Broker, kill(Freeze), "VERB_NOT_ALLOWED"),
        (Source::Recovery, arm(true), "VERB_NOT_ALLOWED"),
        (Source::Host, arm(true), "VERB_NOT_ALLOWED"),
        (Source::Host, kill(ProtectOnly), "STORED"),
        (Source::Host, kill(Freeze), "VERB_NOT_ALLOWED"),
        (Source::Host, kill(Off), "VERB_NOT_ALLOWED"),
        (ann(), kill(Off), "STORED"),
    ];
    let mut b = Bench::new(ALPACA);
    for (source, intent, code) in rows {
        let verdict = b.ask(intent.clone(), source.clone());
        assert_eq!(verdict.code(), code, "{source:?} {intent:?}: {}", verdict.message);
    }
    let facts: Vec<_> = b.last.facts.iter().map(|f| (f.kind, &*f.code, &*f.text)).collect();
    assert_eq!(facts, [(FactKind::KillChanged, "off", "protect-only -> off: test")]);
    assert_eq!(b.ask_why(kill(Freeze), ann(), " ").code(), "NO_REASON");
    let nobody = Intent::Arm { account: "nope".into(), armed: true };
    assert_eq!(b.person(nobody).code(), "UNKNOWN_ACCOUNT");
}

#[test]
fn g8_the_higher_of_daemon_and_account_holds() {
    let mut b = Bench::new(ALPACA);
    b.person(kill(KillLevel::Freeze));
    b.person(kill_account(KillLevel::CancelEntries, false));
    assert_eq!(b.book.kill_level(&ACCOUNT.into()), KillLevel::CancelEntries);
    assert_eq!(b.book.kill_level(&"other".into()), KillLevel::Freeze);
    let cleared = b.person(kill_account(KillLevel::Off, false));
    assert!(cleared.message.contains("the daemon's own stands at freeze"), "{}", cleared.message);
    assert_eq!(b.book.kill_level(&ACCOUNT.into()), KillLevel::Freeze);
}

#[test]
fn g8_the_file_raises_never_lowers_and_keeps_people_from_clearing() {
    let mut b = Bench::new(ALPACA);
    let file = |level| Some(KillFile { level, why: "smoke".to_owned() });
    let see = |b: &mut Bench, file| {
        let mut out = Transition::default();
        file_seen(&mut b.book, file, b.now, &mut out);
        out.facts.len()
    };
    assert_eq!(see(&mut b, file(KillLevel::CancelEntries)), 1);
    assert_eq!(
        (b.book.kill.level, b.book.kill.by.label()),
        (KillLevel::CancelEntries, "host".into())
    );
    assert_eq!(b.book.kill.why, "the file KILL: smoke");
    assert_eq!(see(&mut b, file(KillLevel::Freeze)), 0, "never lower");
    let refused = b.person(kill(KillLevel::Off));
    assert_eq!(refused.code(), "KILLED");
    assert!(refused.message.contains("remove it first"), "{}", refused.message);
    assert_eq!(see(&mut b, None), 0, "gone, and nothing is cleared by that");
    assert_eq!(b.book.kill.level, KillLevel::CancelEntries);
    assert_eq!(b.person(kill(KillLevel::Off)).code(), "STORED");
}

#[test]
fn g8_an_entry_that_was_not_sent_is_given_up_from_freeze_on() {
    // a row that surely did not arrive
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let fault = Fault::new("QUEUE_FULL", "no room");
    b.answer(&entry, Answer::NotSent { fault, after_ms: 50 });
    b.person(kill(KillLevel::Freeze));
    b.pass_ms(300);
    assert!(b.sent.is_empty(), "{:?}", b.sent);
    assert_eq!(b.tx(id).status, TransactionStatus::Failed);
    assert_eq!(b.tx(id).close_reason.as_deref(), Some("entry_killed"));
    // one that never became a row: under kill, disarmed, and too late
    type Hold = fn(&mut Bench);
    let rows: [(&str, Hold); 3] = [
        ("entry_killed", |b| drop(b.person(kill(KillLevel::Freeze)))),
        ("entry_disarmed", |b| drop(b.person(arm(false)))),
        ("entry_stale", |b| b.pass_ms(31_000)),
    ];
    for (reason, hold) in rows {
        let mut b = Bench::new(ALPACA);
        let id = b.open(wish());
        b.sent.clear();
        let mut tx = b.tx(id).clone();
        (tx.ops, tx.steps) = (vec![], vec![]);
        b.book.insert(tx);
        hold(&mut b);
        assert_eq!(b.tx(id).close_reason.as_deref(), Some(reason));
        assert!(b.sent.is_empty(), "{reason}: {:?}", b.sent);
    }
}

#[test]
fn g8_protection_goes_on_at_every_level() {
    for level in KillLevel::ALL {
        let mut b = Bench::new(ALPACA);
        let id = b.open(wish());
        let entry = b.command();
        let order = b.accept(&entry);
        if level != KillLevel::Off {
            b.person(kill(level));
        }
        for cancel in std::mem::take(&mut b.sent) {
            b.answer(&cancel, Answer::Placed { order: None, progress: Progress::Accepted });
        }
        b.fill(&order, "10", "100");
        let sent: Vec<String> = b.sent.iter().map(words).collect();
        let wanted = match level {
            KillLevel::Flatten => "sell 10 at market",
            _ => "exits of 10: stop 95, target 110",
        };
        assert!(sent.contains(&wanted.to_owned()), "{level:?}: {sent:?}");
        assert!(b.tx(id).status != TransactionStatus::Waiting);
    }
}

#[test]
fn g8_cancel_entries_cancels_what_rests_and_flatten_closes_what_is_held() {
    let mut b = Bench::new(ALPACA);
    let held = opened(&mut b);
    let waits = b.open(Open { distinct: true, ..wish() });
    let entry = b.command();
    let order = b.accept(&entry);
    b.person(kill(KillLevel::ProtectOnly));
    assert!(b.sent.is_empty(), "{:?}", b.sent);
    b.person(kill(KillLevel::CancelEntries));
    let cancel = b.command();
    assert_eq!(words(&cancel), format!("cancel {}", order.broker_id));
    b.answer(&cancel, Answer::Placed { order: None, progress: Progress::Accepted });
    let mut ended = order.clone();
    ended.status = OrderStatus::Canceled;
    b.report(ended);
    assert_eq!(b.tx(waits).status, TransactionStatus::Closed);
    assert_eq!(b.tx(held).status, TransactionStatus::Opened);

    b.person(kill(KillLevel::Flatten));
    assert_eq!(b.tx(held).status, TransactionStatus::Closing);
    let free = b.command();
    b.adjusted(&free);
    b.cancel_exits(held);
    let close = b.command();
    assert_eq!(words(&close), "sell 10 at market");
    let order = b.accept(&close);
    b.fill(&order, "10", "100");
    assert_eq!(b.tx(held).status, TransactionStatus::Closed);
}

#[test]
fn g8_a_close_that_flatten_asked_for_and_the_broker_rejected_is_asked_again_after_a_pause() {
    let (mut b, id) = at(KillLevel::Flatten);
    let free = b.command();
    b.adjusted(&free);
    b.cancel_exits(id);
    let close = b.command();
    b.answer(&close, Answer::Rejected(Fault::new("MARKET_CLOSED", "not now")));
    assert_eq!(b.tx(id).status, TransactionStatus::Opened, "protected again meanwhile");
    let pair = b.command();
    assert_eq!(words(&pair), "exits of 10: stop 95, target 110");
    b.adjusted(&pair);
    assert!(b.sent.is_empty(), "{:?}", b.sent);
    let due = bracketd_core::plan::next_timer(&b.book, id, b.now).expect("a timer");
    assert!(due > b.now && due.ms_since(b.now) <= 1_000);
    b.pass_ms(1_100);
    assert_eq!(b.tx(id).status, TransactionStatus::Closing);
}

#[test]
fn g8_a_growth_that_was_not_sent_is_given_up() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.book.accounts.get_mut(&ACCOUNT.into()).expect("account").is_up = false;
    b.person(Intent::Resize { transaction: id, quantity: quantity("12") });
    b.person(kill(KillLevel::Freeze));
    assert_eq!(b.tx(id).task, None);
    b.book.accounts.get_mut(&ACCOUNT.into()).expect("account").is_up = true;
    b.pass_ms(100);
    assert!(b.sent.is_empty(), "{:?}", b.sent);
}

#[test]
fn g13_a_disarmed_account_sends_nothing_and_says_so() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    assert_eq!(b.person(arm(false)).code(), "STORED");
    assert_eq!(b.person(arm(false)).code(), "UNCHANGED");
    let rows = [
        ("open", "DISARMED"),
        ("close", "DISARMED"),
        ("reduce", "DISARMED"),
        ("cancel the entry", "DISARMED"),
        ("lock", "STORED"),
        ("tighten", "STORED"),
    ];
    for (name, code) in rows {
        let (_, intent) = intents(id).into_iter().find(|(n, _)| *n == name).expect("it");
        assert_eq!(b.person(intent).code(), code, "{name}");
        assert!(b.sent.is_empty(), "{name}");
    }
    assert_eq!(b.ask(set_target(id, "112"), policy()).code(), "DISARMED");
    assert_eq!(b.tx(id).protection, Protection::Protected, "what rests still protects");
    b.cancel_exits(id);
    let exposed = b.tx(id).protection;
    let disarmed = matches!(exposed, Protection::Unprotected { why: Exposed::Disarmed, .. });
    assert!(disarmed, "{exposed:?}");
    assert!(b.sent.is_empty());
    b.pass_ms(2_000);
    b.person(arm(true));
    assert_eq!(words(&b.command()), "exits of 10: stop 96, target 110", "armed: what is wanted");
}

#[test]
fn seed_92249794_s3_what_an_ended_transaction_left_resting_goes_as_soon_as_the_account_is_armed() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.person(arm(false));
    let stop = sold(&b, id, 1);
    b.fill(&stop, "10", "95");
    assert_eq!(b.tx(id).status, TransactionStatus::Closed);
    b.pass_ms(3_000);
    assert!(b.sent.is_empty(), "{:?}", b.sent);
    b.person(arm(true));
    assert_eq!(words(&b.command()), "exits of 0: stop clear, target clear");
}

#[test]
fn g13_nobody_arms_what_was_not_compared_with_the_broker() {
    let mut b = Bench::new(ALPACA);
    b.person(arm(false));
    b.book.accounts.get_mut(&ACCOUNT.into()).expect("account").is_reconciled = false;
    assert_eq!(b.person(arm(true)).code(), "NOT_READY");
}

#[test]
fn g8_flatten_names_the_accounts_that_it_cannot_close_and_what_they_hold() {
    let open = |b: &mut Bench| b.person(kill(KillLevel::Flatten)).message;
    let (mut b, _) = at(KillLevel::Off);
    let said = open(&mut b);
    assert!(said.ends_with("now; closing 1 transaction"), "everything is being closed: {said}");

    let mut b = Bench::new(ALPACA);
    b.person(arm(false));
    assert!(open(&mut b).ends_with("now; nothing is held"), "there is nothing to close");

    let (mut b, id) = at(KillLevel::Off);
    b.person(arm(false));
    let held = format!("holds long 10 {}", b.tx(id).symbol);
    let said = open(&mut b);
    assert!(said.contains("NOT CLOSED: account") && said.contains("is disarmed"), "{said}");
    assert!(said.contains(&held) && said.contains("arming it"), "{said}");
    let again = open(&mut b);
    assert!(again.contains("already") && again.contains(&held), "said again: {again}");
    assert_eq!(b.tx(id).status, TransactionStatus::Opened);
    let armed = b.person(arm(true)).message;
    assert!(armed.contains("closed now"), "{armed}");
    assert_eq!(b.tx(id).status, TransactionStatus::Closing);

    let (mut b, _) = at(KillLevel::Off);
    b.tell(BrokerEvent::Down(Fault::new("NETWORK", "gone")));
    let said = open(&mut b);
    assert!(said.contains("is down") && said.contains(&held), "{said}");
}

fn balance(equity: &str, account: Option<&str>) -> BrokerEvent {
    let number: Decimal = equity.parse().expect("a decimal");
    BrokerEvent::Balance(Balance {
        cash: number,
        equity: number,
        buying_power: number,
        currency: "USD".to_owned(),
        account: account.map(str::to_owned),
    })
}

#[test]
fn g13_another_broker_account_behind_the_name_disarms() {
    let mut b = Bench::new(ALPACA);
    b.tell(balance("1000", Some("PA1")));
    assert!(b.book.accounts[&ACCOUNT.into()].is_armed(), "the first one is remembered");
    b.tell(balance("1000", Some("PA1")));
    b.tell(balance("1000", None));
    assert!(b.book.accounts[&ACCOUNT.into()].is_armed());
    b.tell(balance("1000", Some("PA2")));
    assert!(!b.book.accounts[&ACCOUNT.into()].is_armed());
    assert_eq!(b.last.facts[0].kind, FactKind::Disarmed);
    b.tell(balance("1000", Some("PA2")));
    assert!(b.last.facts.is_empty(), "said once");
    assert_eq!(b.person(arm(true)).code(), "STORED");
    b.tell(balance("1000", Some("PA2")));
    assert!(b.book.accounts[&ACCOUNT.into()].is_armed());
}

/// A complete read of the account with that login: all of it, or nothing at all.
fn picture(b: &mut Bench, login: &str, orders: Vec<OrderReport>, held: &str) {
    let BrokerEvent::Balance(balance) = balance("1000", Some(login)) else { unreachable!() };
    let held = decimal(held);
    let position = Position { symbol: "AAA".into(), quantity: held, avg_price: Some(price("100")) };
    let positions = if held.is_zero() { vec![] } else { vec![position] };
    let (fills, balance, as_of) = (vec![], Some(balance), b.now);
    b.tell(BrokerEvent::Picture(Picture {
        orders,
        fills,
        positions,
        balance,
        complete: true,
        history: History::Whole,
        as_of,
    }));
}

#[test]
fn g13_a_login_of_another_account_proves_nothing_about_what_is_at_the_right_one() {
    let account = |b: &Bench| b.book.accounts[&ACCOUNT.into()].clone();
    for was_armed in [true, false] {
        let mut b = Bench::new(ALPACA);
        let id = opened(&mut b);
        let resting: Vec<OrderReport> = (0..3).map(|at| sold(&b, id, at)).collect();
        b.pass_ms(10_000);
        picture(&mut b, "PA1", resting.clone(), "10");
        if !was_armed {
            b.person(arm(false));
        }
        let ids = resting.iter().map(|order| order.broker_id.clone()).collect::<Vec<_>>();
        for round in 0..3 {
            b.pass_ms(7_000);
            picture(&mut b, "PA2", vec![], "0");
            let said: Vec<&str> = b.last.facts.iter().map(|fact| &*fact.code).collect();
            let news = if round == 0 { vec!["OTHER_BROKER_ACCOUNT"] } else { vec![] };
            assert_eq!(said, news, "said once, armed or not");
            b.tell(BrokerEvent::NotThere { orders: ids.clone(), asked_at: b.now });
            assert!(!account(&b).is_reconciled && !account(&b).is_armed());
        }
        let verdict = b.person(arm(true));
        assert_eq!(verdict.code(), "NOT_READY");
        assert!(verdict.message.contains("opens the broker's account PA2"), "{}", verdict.message);
        assert_eq!((b.tx(id).held(), b.tx(id).status), (quantity("10"), TransactionStatus::Opened));

        // The login is mended: everything is as it was.
        picture(&mut b, "PA1", resting.clone(), "10");
        assert!(account(&b).is_reconciled);
        assert_eq!(b.person(arm(true)).code(), "STORED");
        b.pass_ms(7_000);
        picture(&mut b, "PA1", resting, "10");
        assert_eq!(b.tx(id).protection, Protection::Protected);
        assert!(b.sent.is_empty(), "{:?}", b.sent);
    }
}

fn limits(b: &mut Bench, day_loss: Option<i64>, drawdown: Option<i64>) {
    let rules = &mut b.book.accounts.get_mut(&ACCOUNT.into()).expect("account").rules;
    rules.max_day_loss = day_loss.map(Decimal::from);
    rules.max_drawdown_percent = drawdown.map(Decimal::from);
}

#[test]
fn a_loss_beyond_the_limit_halts_the_account_until_a_person_lets_it_go() {
    // limits, equities in turn on one day, level afterwards
    type Row = (Option<i64>, Option<i64>, &'static [&'static str], KillLevel);
    let rows: [Row; 7] = [
        (None, None, &["1000", "1"], KillLevel::Off),
        (Some(100), None, &["1000", "900"], KillLevel::Off),
        (Some(100), None, &["1000", "899.99"], KillLevel::ProtectOnly),
        (Some(100), None, &["1000", "1200", "950"], KillLevel::Off),
        (None, Some(10), &["1000", "1200", "1080"], KillLevel::Off),
        (None, Some(10), &["1000", "1200", "1079.99"], KillLevel::ProtectOnly),
        (None, Some(10), &["0", "1000", "950"], KillLevel::Off),
    ];
    for (day_loss, drawdown, equities, level) in rows {
        let mut b = Bench::new(ALPACA);
        limits(&mut b, day_loss, drawdown);
        for equity in equities {
            b.tell(balance(equity, None));
        }
        assert_eq!(
            b.book.kill_level(&ACCOUNT.into()),
            level,
            "{day_loss:?} {drawdown:?} {equities:?}"
        );
        assert_eq!(b.book.kill.level, KillLevel::Off, "the account's own, not the daemon's");
    }
}

fn clear(b: &mut Bench, reset: bool) -> Verdict {
    b.person(kill_account(KillLevel::Off, reset))
}

#[test]
fn a_cleared_halt_comes_back_unless_losses_count_anew() {
    let mut b = Bench::new(ALPACA);
    limits(&mut b, Some(100), None);
    b.tell(balance("1000", None));
    b.tell(balance("800", None));
    let level = |b: &Bench| b.book.kill_level(&ACCOUNT.into());
    let cleared = clear(&mut b, false);
    assert!(cleared.message.contains("raises it again"), "{}", cleared.message);
    assert_eq!(level(&b), KillLevel::Off);
    b.tell(balance("800", None));
    assert_eq!(level(&b), KillLevel::ProtectOnly);
    clear(&mut b, true);
    b.tell(balance("790", None));
    assert_eq!(level(&b), KillLevel::Off, "10 lost since it was set anew");
    b.tell(balance("690", None));
    assert_eq!(level(&b), KillLevel::ProtectOnly);
}

#[test]
fn the_day_turns_at_midnight_utc_and_never_back() {
    let day_us = 86_400_000_000;
    let mut b = Bench::new(ALPACA);
    limits(&mut b, Some(100), None);
    b.now = Timestamp(20_000 * day_us - 1);
    b.tell(balance("1000", None));
    b.now = Timestamp(20_000 * day_us);
    b.tell(balance("850", None));
    assert_eq!(b.last.facts[0].kind, FactKind::BaselineSet);
    assert_eq!(b.book.kill_level(&ACCOUNT.into()), KillLevel::Off, "850 is the new day's first");
    b.now = Timestamp(20_000 * day_us - 1);
    b.tell(balance("760", None));
    assert_eq!(b.book.kill_level(&ACCOUNT.into()), KillLevel::Off, "measured from 850 still");
    b.tell(balance("749", None));
    assert_eq!(b.book.kill_level(&ACCOUNT.into()), KillLevel::ProtectOnly);
}
