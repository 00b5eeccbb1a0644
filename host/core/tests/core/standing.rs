//! What the host does by itself: a trail, a time limit, a review, a locked instrument.

use bracketd_core::book::AccountRules;
use bracketd_core::broker::Fault;
use bracketd_core::command::Answer;
use bracketd_core::control::KillLevel;
use bracketd_core::fact::FactKind;
use bracketd_core::guard::{Distance, GuardRules};
use bracketd_core::ids::TransactionId;
use bracketd_core::intent::{Intent, Open, Source, Wish};
use bracketd_core::order::{Direction, Leg};
use bracketd_core::protection::Protection;
use bracketd_core::refusal::Refusal;
use bracketd_core::standing::{TrailDistance, TrailTerms};
use bracketd_core::time::Timestamp;
use bracketd_core::transaction::TransactionStatus;

use crate::bench_book::{ACCOUNT, ALPACA, Bench, decimal, price, quantity, set_stop, wish, words};
use crate::lives::opened;
use crate::protocol::codes;

fn policy() -> Source {
    Source::Policy { name: "trail".into(), digest: "d1".into() }
}

fn trail_at(transaction: TransactionId, distance: TrailDistance) -> Intent {
    let terms = TrailTerms { distance, activate_at: None, step: decimal("0") };
    Intent::Trail { transaction, terms: Some(terms) }
}

fn two_behind(transaction: TransactionId) -> Intent {
    trail_at(transaction, TrailDistance::Price(decimal("2")))
}

fn rules(b: &mut Bench, change: impl FnOnce(&mut AccountRules)) {
    change(&mut b.book.accounts.get_mut(&ACCOUNT.into()).expect("the account").rules);
}

/// A second later the market stands here; what was sent is answered.
fn market(b: &mut Bench, bid: &str) {
    let ask = (decimal(bid) + decimal("0.02")).to_string();
    b.now = b.now.plus_ms(1_000);
    b.quote(bid, &ask);
    answered(b);
}

fn answered(b: &mut Bench) {
    while !b.sent.is_empty() {
        let command = b.sent.remove(0);
        b.adjusted(&command);
    }
}

fn stop(b: &Bench, id: TransactionId) -> String {
    let tx = b.tx(id);
    assert_eq!(tx.working(Leg::Stop), tx.desired.stop, "what rests is what is wanted");
    tx.desired.stop.map_or("-".to_owned(), |stop| stop.to_string())
}

/// A short of 10 at 100 with stop 105 and target 90, held and protected.
fn opened_short(b: &mut Bench) -> TransactionId {
    let id = b.open(Open {
        direction: Direction::Short,
        stop: Some(price("105")),
        target: Some(price("90")),
        ..wish()
    });
    let entry = b.command();
    let order = b.accept(&entry);
    b.fill(&order, "10", "100");
    let pair = b.command();
    b.adjusted(&pair);
    id
}

#[test]
fn s12_a_trailed_stop_follows_the_best_price_and_never_goes_back() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    assert_eq!(b.ask(two_behind(id), policy()).code(), "STAGED");
    // The price at which it could be ended, and the stop after it.
    for (bid, at) in [
        ("99.99", "97.99"),
        ("101", "99"),
        ("100.5", "99"),
        ("104.37", "102.37"),
        ("103", "102.37"),
        ("102.5", "102.37"),
        ("104.37", "102.37"),
        ("104.38", "102.38"),
    ] {
        market(&mut b, bid);
        assert_eq!(stop(&b, id), at, "at {bid}");
    }
    assert_eq!(b.tx(id).desired.target, Some(price("110")), "the target is left alone");
}

#[test]
fn a_trail_by_percent_is_of_the_best_price_and_snapped_toward_the_market() {
    let (mut long, mut short) = (Bench::new(ALPACA), Bench::new(ALPACA));
    let (l, s) = (opened(&mut long), opened_short(&mut short));
    let percent = TrailDistance::Percent(decimal("1.5"));
    long.ask(trail_at(l, percent), policy());
    short.ask(trail_at(s, percent), policy());
    // 103.33 less 1.5 % is 101.78005; 97 and 1.5 % is 98.455: a short ends at the ask.
    market(&mut long, "103.33");
    market(&mut short, "96.98");
    assert_eq!((stop(&long, l), stop(&short, s)), ("101.79".to_owned(), "98.45".to_owned()));
}

#[test]
fn a_trail_begins_where_it_was_told_to_and_takes_no_step_that_is_too_small() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let terms = TrailTerms {
        distance: TrailDistance::Price(decimal("2")),
        activate_at: Some(price("103")),
        step: decimal("0.5"),
    };
    b.ask(Intent::Trail { transaction: id, terms: Some(terms) }, policy());
    for (bid, at) in [
        ("102.99", "95"),
        ("101", "95"),
        ("103", "101"),
        ("103.49", "101"),
        ("103.5", "101.5"),
        ("103.7", "101.5"),
    ] {
        market(&mut b, bid);
        assert_eq!(stop(&b, id), at, "at {bid}");
    }
}

#[test]
fn g6_min_step_of_the_account_holds_for_a_trail_too() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    rules(&mut b, |rules| {
        rules.guards = GuardRules { min_step: Some(Distance::Ticks(50)), ..GuardRules::default() };
    });
    b.ask(two_behind(id), policy());
    for (bid, at) in [("100", "97.99"), ("100.48", "97.99"), ("100.49", "98.49")] {
        market(&mut b, bid);
        assert_eq!(stop(&b, id), at, "at {bid}");
    }
}

#[test]
fn a_trail_of_a_waiting_transaction_begins_with_the_price_after_its_fill() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    assert_eq!(b.ask(two_behind(id), policy()).code(), "STORED");
    b.now = b.now.plus_ms(1_000);
    b.quote("108", "108.02");
    assert_eq!(b.tx(id).desired.stop, Some(price("95")), "nothing is held yet");
    b.now = b.now.plus_ms(1_000);
    b.fill(&order, "10", "100");
    let pair = b.command();
    assert_eq!(words(&pair), "exits of 10: stop 95, target 110", "108 was before the fill");
    b.adjusted(&pair);
    market(&mut b, "101");
    assert_eq!(stop(&b, id), "99");
}

#[test]
fn i7_a_locked_stop_is_not_trailed_and_that_is_told_once() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.ask(two_behind(id), policy());
    answered(&mut b);
    b.person(Intent::Lock { transaction: id, leg: Leg::Stop, locked: true });
    market(&mut b, "104");
    assert_eq!(codes(&b, FactKind::Refused), ["LOCKED"]);
    market(&mut b, "105");
    assert_eq!((codes(&b, FactKind::Refused), stop(&b, id).as_str()), (vec![], "97.99"));
    market(&mut b, "103.5");
    // Unlocked, it goes where the best price had put it, as long as the market is beyond that.
    b.person(Intent::Lock { transaction: id, leg: Leg::Stop, locked: false });
    market(&mut b, "103.5");
    assert_eq!(stop(&b, id), "103");
    assert_eq!(b.ask(two_behind(id), policy()).code(), "UNCHANGED");
    b.person(Intent::Lock { transaction: id, leg: Leg::Stop, locked: true });
    let other = trail_at(id, TrailDistance::Price(decimal("1")));
    assert_eq!(b.ask(other.clone(), policy()).code(), "LOCKED");
    assert_eq!(b.person(other).code(), "STAGED", "a person may");
}

#[test]
fn a_trail_whose_stop_the_market_went_through_meanwhile_is_told_and_loosens_nothing() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.ask(two_behind(id), policy());
    answered(&mut b);
    b.person(Intent::Lock { transaction: id, leg: Leg::Stop, locked: true });
    market(&mut b, "106");
    market(&mut b, "99");
    b.person(Intent::Lock { transaction: id, leg: Leg::Stop, locked: false });
    market(&mut b, "99.1");
    // Told with the unlocking or with the price after it; once either way.
    assert_eq!(
        b.tx(id).standing.trail.as_ref().and_then(|t| t.held_back),
        Some(Refusal::StopWrongSide)
    );
    assert_eq!(stop(&b, id), "97.99");
    market(&mut b, "107");
    assert_eq!(stop(&b, id), "105");
    assert_eq!(b.tx(id).standing.trail.as_ref().and_then(|t| t.held_back), None);
}

#[test]
fn g17_an_old_or_crossed_price_moves_no_trailed_stop() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.ask(two_behind(id), policy());
    b.now = b.now.plus_ms(1_000);
    b.quote("109", "108");
    assert_eq!(b.tx(id).desired.stop, Some(price("97.99")), "crossed: the stop of 99.99 stays");
    let mut late = b.book.accounts[&ACCOUNT.into()].quotes[&"AAA".into()].clone();
    (late.bid, late.ask, late.at) = (Some(price("108")), Some(price("108.1")), b.now);
    b.now = b.now.plus_ms(60_000);
    b.tell(bracketd_core::broker::BrokerEvent::Quotes(vec![late]));
    assert_eq!(b.tx(id).desired.stop, Some(price("97.99")), "a minute old");
}

#[test]
fn g6_a_trail_moves_as_often_as_a_policy_may_and_the_rest_comes_with_the_timer() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    rules(&mut b, |rules| rules.guards.stop_moves_per_minute = 2);
    b.ask(two_behind(id), policy());
    let begun = b.now;
    for (bid, at) in [("101", "99"), ("102", "99")] {
        market(&mut b, bid);
        assert_eq!(stop(&b, id), at, "at {bid}: the first of two moves was made when it was asked");
    }
    assert_eq!(codes(&b, FactKind::Refused), Vec::<String>::new(), "it waits, nothing is refused");
    rules(&mut b, |rules| rules.quote_age_ms_max = 600_000);
    let due = bracketd_core::plan::next_timer(&b.book, id, b.now).expect("a timer");
    assert_eq!(due, begun.plus_ms(60_000));
    b.pass_ms(due.ms_since(b.now));
    let moved = b.command();
    b.adjusted(&moved);
    assert_eq!(stop(&b, id), "100");
}

#[test]
fn every_move_of_a_trail_says_who_asked_and_on_what_it_was_decided() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.ask_why(two_behind(id), policy(), "let it run");
    let set = b.last.facts.iter().find(|f| f.kind == FactKind::TrailChanged).expect("a fact");
    assert_eq!((set.source.label().as_str(), set.code.as_ref()), ("policy(trail)", "set"));
    assert_eq!(set.text, "2 behind, step 0: let it run");
    b.now = b.now.plus_ms(1_000);
    b.quote("103", "103.02");
    let moved = b.last.facts.iter().find(|f| f.kind == FactKind::StopChanged).expect("a fact");
    assert_eq!(moved.source, Source::Host);
    assert_eq!(moved.text, "trail of policy(trail), 2 behind 103: let it run");
    assert_eq!(moved.inputs, "{\"best\":\"103\",\"distance\":\"2\",\"price\":\"103\"}");
    assert_eq!((moved.before, moved.after), (Some(decimal("97.99")), Some(decimal("101"))));
}

#[test]
fn a_trail_can_be_ended_and_nothing_moves_any_more() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.ask(two_behind(id), policy());
    market(&mut b, "101");
    let end = || Intent::Trail { transaction: id, terms: None };
    assert_eq!(b.ask(end(), policy()).code(), "STORED");
    assert_eq!(b.ask(end(), policy()).code(), "UNCHANGED");
    market(&mut b, "105");
    assert_eq!(stop(&b, id), "99");
}

#[test]
fn terms_that_cannot_be_meant_are_refused() {
    let rows = [
        (TrailDistance::Price(decimal("0")), "BAD_TERMS"),
        (TrailDistance::Price(decimal("-1")), "BAD_TERMS"),
        (TrailDistance::Percent(decimal("100")), "BAD_TERMS"),
        (TrailDistance::Price(decimal("50.1")), "COLLAR"),
        (TrailDistance::Percent(decimal("51")), "COLLAR"),
        (TrailDistance::Price(decimal("0.4")), "TOO_CLOSE"),
        (TrailDistance::Price(decimal("0.5")), "STORED"),
    ];
    for (distance, code) in rows {
        let mut b = Bench::new(ALPACA);
        rules(&mut b, |rules| rules.guards.min_distance = Some(Distance::Ticks(50)));
        let id = b.open(wish());
        let verdict = b.ask(trail_at(id, distance), policy());
        assert_eq!(verdict.code(), code, "{distance}: {}", verdict.message);
    }
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let terms = TrailTerms {
        distance: TrailDistance::Price(decimal("2")),
        activate_at: None,
        step: decimal("-0.1"),
    };
    let verdict = b.ask(Intent::Trail { transaction: id, terms: Some(terms) }, policy());
    assert_eq!(verdict.code(), "BAD_TERMS");
    b.person(Intent::Close { transaction: id });
    assert_eq!(b.ask(two_behind(id), policy()).code(), "BUSY");
}

#[test]
fn g8_under_a_kill_switch_a_trail_goes_on_and_no_policy_begins_one() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    b.ask(two_behind(id), policy());
    let level = KillLevel::ProtectOnly;
    b.person(Intent::Kill { account: None, level, reset_baseline: false });
    market(&mut b, "104");
    assert_eq!(stop(&b, id), "102", "it only tightens");
    let other = trail_at(id, TrailDistance::Price(decimal("3")));
    assert_eq!(b.ask(other, policy()).code(), "KILLED");
}

#[test]
fn a_triple_barrier_is_stop_target_and_a_close_in_time_for_a_long_and_its_mirror() {
    for (make, stop_at, target_at) in
        [(opened as fn(&mut Bench) -> TransactionId, "97", "106"), (opened_short, "103", "94")]
    {
        let mut b = Bench::new(ALPACA);
        let id = make(&mut b);
        let barriers = |hold_ms| Intent::Barriers {
            transaction: id,
            stop: Wish::Set(price(stop_at)),
            target: Wish::Set(price(target_at)),
            hold_ms,
        };
        assert_eq!(b.ask(barriers(600_000), policy()).code(), "STAGED");
        answered(&mut b);
        let tx = b.tx(id);
        assert_eq!(
            (tx.working(Leg::Stop), tx.working(Leg::Target)),
            (Some(price(stop_at)), Some(price(target_at)))
        );
        assert_eq!(b.ask(barriers(600_000), policy()).code(), "UNCHANGED");
        let due = bracketd_core::plan::next_timer(&b.book, id, b.now);
        assert_eq!(due, b.tx(id).opened_at.map(|at| at.plus_ms(600_000)));
        b.pass_ms(599_000);
        assert_eq!(b.tx(id).status, TransactionStatus::Opened);
        b.pass_ms(1_000);
        assert_eq!(b.tx(id).status, TransactionStatus::Closing);
        let asked = b.last.facts.iter().find(|f| f.kind == FactKind::CloseAsked).expect("a fact");
        assert_eq!(asked.text, "time limit of policy(trail): test");
    }
}

#[test]
fn a_triple_barrier_is_refused_as_a_whole_and_counts_from_the_fill() {
    let mut b = Bench::new(ALPACA);
    let id = b.open(wish());
    let entry = b.command();
    let order = b.accept(&entry);
    let barriers = |stop: &str, hold_ms| Intent::Barriers {
        transaction: id,
        stop: Wish::Set(price(stop)),
        target: Wish::Set(price("106")),
        hold_ms,
    };
    assert_eq!(b.ask(barriers("101", 60_000), policy()).code(), "STOP_WRONG_SIDE");
    assert_eq!(b.tx(id).standing.time_limit, None);
    assert_eq!(b.ask(barriers("97", 0), policy()).code(), "BAD_TERMS");
    assert_eq!(b.tx(id).desired.stop, Some(price("95")));
    assert_eq!(b.ask(barriers("97", 60_000), policy()).code(), "STORED");
    b.pass_ms(3_600_000);
    b.quote("99.99", "100.01");
    b.fill(&order, "10", "100");
    let pair = b.command();
    assert_eq!(words(&pair), "exits of 10: stop 97, target 106");
    b.adjusted(&pair);
    b.pass_ms(59_999);
    assert_eq!(b.tx(id).status, TransactionStatus::Opened);
    assert_eq!(b.ask(Intent::ClearTimeLimit { transaction: id }, policy()).code(), "STORED");
    b.pass_ms(1);
    assert_eq!(b.tx(id).status, TransactionStatus::Opened, "there is no limit any more");
    b.quote("99.99", "100.01");
    assert_eq!(b.ask(barriers("97", 60_000), policy()).code(), "BAD_TERMS", "over already");
}

#[test]
fn g19_time_limits_of_a_policy_close_no_more_than_it_may_itself() {
    let mut b = Bench::new(ALPACA);
    rules(&mut b, |rules| {
        rules.guards.max_closes_per_minute = 1;
        rules.guards.duplicate_window_ms = 0;
    });
    let ids = [opened(&mut b), opened(&mut b)];
    for id in ids {
        let (stop, target) = (Wish::Set(price("95")), Wish::Set(price("110")));
        let barriers = Intent::Barriers { transaction: id, stop, target, hold_ms: 5_000 };
        assert_eq!(b.ask(barriers, policy()).code(), "STAGED");
    }
    b.pass_ms(5_000);
    let statuses = ids.map(|id| b.tx(id).status);
    assert_eq!(statuses, [TransactionStatus::Closing, TransactionStatus::Opened]);
    assert_eq!(codes(&b, FactKind::Refused), ["TOO_MANY_CLOSES"]);
    b.pass_ms(1_000);
    assert_eq!(codes(&b, FactKind::Refused), Vec::<String>::new(), "told once");
}

#[test]
fn seed_140003368_a_close_taken_for_a_wash_trade_does_not_take_the_stop_away_every_half_minute() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let (stop, target) = (Wish::Set(price("95")), Wish::Set(price("110")));
    let barriers = Intent::Barriers { transaction: id, stop, target, hold_ms: 5_000 };
    assert_eq!(b.ask(barriers, policy()).code(), "STAGED");
    b.pass_ms(5_000);
    let mut tries = 0;
    for (waited_ms, is_tried) in [(0, true), (30_000, false), (269_999, false), (2, true)] {
        b.pass_ms(waited_ms);
        assert_eq!(b.tx(id).status == TransactionStatus::Closing, is_tried, "after {waited_ms}");
        if !is_tried {
            assert!(b.sent.is_empty(), "{:?}", b.sent);
            continue;
        }
        tries += 1;
        let free = b.command();
        b.adjusted(&free);
        b.cancel_exits(id);
        let close = b.command();
        let fault = Fault::new("WASH_TRADE", "potential wash trade detected");
        b.answer(&close, Answer::Rejected(fault));
        let again = b.command();
        b.adjusted(&again);
        assert_eq!(b.tx(id).protection, Protection::Protected);
    }
    assert_eq!(tries, 2);
}

#[test]
fn a_review_is_asked_for_by_a_policy_and_ended_by_a_person() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let review = |asked| Intent::Review { transaction: id, asked };
    assert_eq!(b.ask_why(review(true), policy(), "odd fills").code(), "STORED");
    assert_eq!(codes(&b, FactKind::ReviewChanged), ["asked"]);
    assert_eq!(b.ask_why(review(true), policy(), "odd fills").code(), "UNCHANGED");
    assert_eq!(b.tx(id).standing.review.as_deref(), Some("odd fills"));
    assert_eq!(b.ask(review(false), policy()).code(), "VERB_NOT_ALLOWED");
    assert_eq!(b.person(review(false)).code(), "STORED");
    assert_eq!(b.tx(id).standing.review, None);
}

#[test]
fn g11_a_locked_symbol_is_not_opened_or_grown_and_policies_only_lower_its_risk() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let until = b.now.plus_ms(60_000);
    let lock = |until: Option<Timestamp>| Intent::LockSymbol {
        account: ACCOUNT.into(),
        symbol: "AAA".into(),
        until,
    };
    assert_eq!(b.ask(lock(Some(b.now)), policy()).code(), "BAD_TERMS");
    assert_eq!(b.ask(lock(Some(until)), policy()).code(), "STORED");
    assert_eq!(codes(&b, FactKind::SymbolLockChanged), ["locked"]);
    assert!(b.last.controls.contains(&Some(ACCOUNT.into())), "it is written");
    // A policy makes it longer, never shorter, and does not take it back.
    assert_eq!(b.ask(lock(Some(b.now.plus_ms(1_000))), policy()).code(), "UNCHANGED");
    assert_eq!(b.ask(lock(None), policy()).code(), "VERB_NOT_ALLOWED");
    let open = || Intent::Open(Box::new(wish()));
    assert_eq!(b.person(open()).code(), "SYMBOL_LOCKED");
    let grow = Intent::Resize { transaction: id, quantity: quantity("11") };
    assert_eq!(b.person(grow).code(), "SYMBOL_LOCKED");
    assert_eq!(b.ask(set_stop(id, "94"), policy()).code(), "SYMBOL_LOCKED");
    assert_eq!(b.ask(set_stop(id, "96"), policy()).code(), "STAGED");
    assert_eq!(b.person(set_stop(id, "95")).code(), "STAGED", "a person protects as before");
    b.pass_ms(60_000);
    b.quote("99.99", "100.01");
    assert_ne!(b.person(open()).code(), "SYMBOL_LOCKED", "its time is over");
    assert_eq!(b.person(lock(Some(b.now.plus_ms(60_000)))).code(), "STORED");
    assert_eq!(b.person(lock(None)).code(), "STORED");
    assert_eq!(b.person(lock(None)).code(), "UNCHANGED");
}

#[test]
fn a_policy_halts_its_account_and_only_a_person_clears_it() {
    let mut b = Bench::new(ALPACA);
    let id = opened(&mut b);
    let halt = |level, account: Option<&str>| Intent::Kill {
        account: account.map(Into::into),
        level,
        reset_baseline: false,
    };
    let rows = [
        (KillLevel::Flatten, Some(ACCOUNT), "VERB_NOT_ALLOWED"),
        (KillLevel::Freeze, Some(ACCOUNT), "VERB_NOT_ALLOWED"),
        (KillLevel::ProtectOnly, None, "VERB_NOT_ALLOWED"),
        (KillLevel::CancelEntries, Some(ACCOUNT), "STORED"),
        (KillLevel::ProtectOnly, Some(ACCOUNT), "VERB_NOT_ALLOWED"),
        (KillLevel::Off, Some(ACCOUNT), "VERB_NOT_ALLOWED"),
    ];
    for (level, account, code) in rows {
        let verdict = b.ask(halt(level, account), policy());
        assert_eq!(verdict.code(), code, "{level:?} {account:?}: {}", verdict.message);
    }
    assert_eq!(b.ask(set_stop(id, "96"), policy()).code(), "KILLED");
    assert_eq!(b.person(halt(KillLevel::Off, Some(ACCOUNT))).code(), "STORED");
    assert_eq!(b.ask(set_stop(id, "96"), policy()).code(), "STAGED");
}
