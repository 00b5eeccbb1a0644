//! The whole table of (what rests, what is wanted) -> the one next step.

use bracketd_plugin_sdk::types::{Fault, Leg, LegRole, Link, OrderState as S, Target};

use super::{dec, leg, long, oco};
use crate::plan::{Exits, Step, plan};

/// A row: what rests, protect-qty, wanted target, wanted stop, the step in short form.
type Row = (&'static str, Vec<Leg>, &'static str, Target, Target, &'static str);

fn set(price: &str) -> Target {
    Target::Set(dec(price))
}

fn short(step: &Step) -> String {
    let text =
        |d: &Option<bracketd_plugin_sdk::Dec>| d.map_or_else(|| "-".to_owned(), |d| d.to_string());
    match step {
        Step::Nothing => "nothing".into(),
        Step::Wait(id) => format!("wait {id}"),
        Step::Create(Exits { target, stop }) => format!("create {} {}", text(target), text(stop)),
        Step::Patch(p) => {
            let more = if p.more { " more" } else { "" };
            format!("patch {} {} {}{more}", p.leg.broker_id, text(&p.price), text(&p.qty))
        }
        Step::Cancel(id) => format!("cancel {id}"),
    }
}

fn check(rows: Vec<Row>) {
    for (name, legs, protect, target, stop, expected) in rows {
        let mut bracket = long(legs);
        bracket.protect_qty = dec(protect);
        let step = plan(&bracket, &target, &stop).unwrap();
        assert_eq!(short(&step), expected, "{name}");
    }
}

fn filled(mut leg: Leg, qty: &str, filled: &str) -> Leg {
    (leg.qty, leg.filled_qty) = (dec(qty), dec(filled));
    leg
}

fn lone(name: &str, price: &str) -> Vec<Leg> {
    vec![leg(name, price, Link::Alone, S::Working)]
}

fn pair(link: Link, target: S, stop: S) -> Vec<Leg> {
    vec![leg("target", "170", link, target), leg("stop", "140", link, stop)]
}

#[test]
fn from_nothing() {
    let (keep, clear) = (Target::Keep, Target::Clear);
    check(vec![
        ("both", vec![], "10", set("170"), set("140"), "create 170 140"),
        ("stop only", vec![], "10", keep, set("140"), "create - 140"),
        ("target only", vec![], "10", set("170"), clear, "create 170 -"),
        ("nothing wanted", vec![], "10", clear, clear, "nothing"),
        ("nothing to keep", vec![], "10", keep, keep, "nothing"),
        ("nothing held", vec![], "0", set("170"), set("140"), "nothing"),
        (
            "a dead leg is none",
            vec![leg("stop", "140", Link::Oco, S::Canceled)],
            "10",
            keep,
            set("141"),
            "create - 141",
        ),
    ]);
}

/// I6: a price changes in place; the stop goes first.
#[test]
fn a_pair_is_moved_in_place() {
    let (keep, clear) = (Target::Keep, Target::Clear);
    let bracket = || pair(Link::Bracket, S::Working, S::Held);
    check(vec![
        ("equal", oco(), "10", set("170.00"), set("140.0"), "nothing"),
        ("keep both", oco(), "10", keep, keep, "nothing"),
        ("stop", oco(), "10", keep, set("145"), "patch stop 145 -"),
        ("target", oco(), "10", set("180"), keep, "patch target 180 -"),
        ("both", oco(), "10", set("180"), set("145"), "patch stop 145 - more"),
        ("bracket's own pair", bracket(), "10", keep, set("145"), "patch stop 145 -"),
        ("drop the target", oco(), "10", clear, keep, "cancel target"),
        ("drop the stop", oco(), "10", keep, clear, "cancel target"),
        ("drop both", oco(), "10", clear, clear, "cancel target"),
        ("held quantity is gone", oco(), "0", keep, set("145"), "cancel target"),
        ("held quantity grew", oco(), "12", keep, keep, "cancel target"),
    ]);
}

/// After the target's partial fill the broker shrinks the stop; news of one may come before the
/// other.
#[test]
fn a_partly_filled_target_does_not_end_the_pair() {
    let [target, stop]: [Leg; 2] = oco().try_into().unwrap();
    let part = filled(target.clone(), "10", "4");
    let shrunk = filled(stop.clone(), "6", "0");
    check(vec![
        (
            "both told",
            vec![part.clone(), shrunk.clone()],
            "6",
            Target::Keep,
            set("145"),
            "patch stop 145 -",
        ),
        ("stop not told", vec![part, stop], "6", Target::Keep, Target::Keep, "nothing"),
        ("fill not told", vec![target, shrunk], "6", Target::Keep, Target::Keep, "nothing"),
    ]);
}

#[test]
fn a_single_exit() {
    let (keep, clear) = (Target::Keep, Target::Clear);
    let oto = || vec![leg("stop", "140", Link::Oto, S::Working)];
    let part = || vec![filled(leg("target", "170", Link::Alone, S::PartiallyFilled), "10", "4")];
    let odd = || vec![filled(leg("stop", "140", Link::Alone, S::Working), "1.5", "0")];
    check(vec![
        ("equal", lone("stop", "140"), "10", clear, set("140"), "nothing"),
        ("move", lone("stop", "140"), "10", keep, set("145"), "patch stop 145 -"),
        ("resize in place", lone("stop", "140"), "12", keep, keep, "patch stop - 12"),
        ("move and resize", lone("stop", "140"), "6", keep, set("145"), "patch stop 145 6"),
        ("becomes a pair", lone("stop", "140"), "10", set("170"), keep, "cancel stop"),
        ("target becomes a pair", lone("target", "170"), "10", keep, set("140"), "cancel target"),
        ("becomes a target", lone("stop", "140"), "10", set("170"), clear, "cancel stop"),
        ("clear", lone("stop", "140"), "10", keep, clear, "cancel stop"),
        ("oto equal", oto(), "10", keep, set("140"), "nothing"),
        ("oto cannot be moved", oto(), "10", keep, set("145"), "cancel stop"),
        ("oto cannot be resized", oto(), "5", keep, keep, "cancel stop"),
        ("part filled, moved", part(), "6", set("180"), keep, "patch target 180 -"),
        ("part filled, resized", part(), "8", keep, keep, "cancel target"),
        ("fractional is not replaceable", odd(), "1.5", keep, set("145"), "cancel stop"),
        (
            "survivor of a pair",
            vec![leg("stop", "140", Link::Oco, S::Working)],
            "10",
            set("170"),
            set("140"),
            "cancel stop",
        ),
    ]);
}

/// An entry that is not completely filled keeps its exits; what is on its way is waited for.
#[test]
fn what_may_not_be_touched() {
    let keep = Target::Keep;
    check(vec![
        (
            "contingent pair",
            pair(Link::Bracket, S::Contingent, S::Contingent),
            "10",
            set("180"),
            set("145"),
            "nothing",
        ),
        (
            "contingent, clear",
            pair(Link::Bracket, S::Contingent, S::Contingent),
            "10",
            Target::Clear,
            Target::Clear,
            "nothing",
        ),
        (
            "cancel under way",
            pair(Link::Oco, S::PendingCancel, S::Held),
            "10",
            keep,
            set("145"),
            "wait target",
        ),
        (
            "replacement under way",
            pair(Link::Oco, S::Working, S::PendingReplace),
            "10",
            keep,
            set("145"),
            "wait stop",
        ),
    ]);
}

/// I4: one live order a leg.
#[test]
fn what_should_not_be_is_ended_one_by_one() {
    let keep = Target::Keep;
    let two = vec![
        leg("stop", "140", Link::Alone, S::Working),
        leg("stop-2", "141", Link::Alone, S::Working),
    ];
    let strangers = || {
        vec![
            leg("target", "170", Link::Alone, S::Working),
            leg("stop", "140", Link::Alone, S::Working),
        ]
    };
    check(vec![
        ("two stops", two, "10", keep, set("140"), "cancel stop-2"),
        ("unlinked pair wanted", strangers(), "10", keep, keep, "cancel target"),
        ("unlinked, stop wanted", strangers(), "10", Target::Clear, keep, "cancel target"),
        ("unlinked, target wanted", strangers(), "10", keep, Target::Clear, "cancel stop"),
    ]);
}

#[test]
fn what_is_no_exit_is_refused() {
    let mut entry = leg("target", "170", Link::Alone, S::Working);
    entry.role = LegRole::Entry;
    let fault = plan(&long(vec![entry]), &Target::Keep, &set("140")).unwrap_err();
    assert!(matches!(fault, Fault::Invalid(detail) if detail.code == "LEG_ROLE"));
    let mut odd = dec("1");
    odd.scale = 99;
    let fault = plan(&long(vec![]), &Target::Keep, &Target::Set(odd)).unwrap_err();
    assert!(matches!(fault, Fault::Invalid(detail) if detail.code == "DECIMAL"));
}
