// The whole table of (what rests, what is wanted) -> the one next step.

import assert from "node:assert/strict";
import { test } from "node:test";

import { plan } from "../src/plan.js";
import { CLEAR, KEEP, leg, long, oco, set } from "./script.js";

const short = (s) => ({
  nothing: () => "nothing",
  wait: () => `wait ${s.id}`,
  create: () => `create ${s.exits.target ?? "-"} ${s.exits.stop ?? "-"}`,
  patch: () => `patch ${s.leg.brokerId} ${s.price ?? "-"} ${s.qty ?? "-"}${s.more ? " more" : ""}`,
  cancel: () => `cancel ${s.id}`,
})[s.step]();

function check(rows) {
  for (const [name, legs, protect, target, stop, expected] of rows) {
    assert.equal(short(plan(long(legs, protect), target, stop)), expected, name);
  }
}

const lone = (name, price) => [leg(name, price, "alone", "working")];
const pair = (link, target, stop) =>
  [leg("target", "170", link, target), leg("stop", "140", link, stop)];

test("from nothing", () => check([
  ["both", [], "10", set("170"), set("140"), "create 170 140"],
  ["stop only", [], "10", KEEP, set("140"), "create - 140"],
  ["target only", [], "10", set("170"), CLEAR, "create 170 -"],
  ["nothing wanted", [], "10", CLEAR, CLEAR, "nothing"],
  ["nothing to keep", [], "10", KEEP, KEEP, "nothing"],
  ["nothing held", [], "0", set("170"), set("140"), "nothing"],
  ["a dead leg", [leg("stop", "140", "oco", "canceled")], "10", KEEP, set("141"), "create - 141"],
]));

test("I6: a pair is moved in place, the stop first", () => check([
  ["equal", oco(), "10", set("170.00"), set("140.0"), "nothing"],
  ["keep both", oco(), "10", KEEP, KEEP, "nothing"],
  ["stop", oco(), "10", KEEP, set("145"), "patch stop 145 -"],
  ["target", oco(), "10", set("180"), KEEP, "patch target 180 -"],
  ["both", oco(), "10", set("180"), set("145"), "patch stop 145 - more"],
  ["bracket", pair("bracket", "working", "held"), "10", KEEP, set("145"), "patch stop 145 -"],
  ["drop the target", oco(), "10", CLEAR, KEEP, "cancel target"],
  ["drop the stop", oco(), "10", KEEP, CLEAR, "cancel target"],
  ["held quantity is gone", oco(), "0", KEEP, set("145"), "cancel target"],
  ["held quantity grew", oco(), "12", KEEP, KEEP, "cancel target"],
]));

test("a partly filled target does not end the pair", () => {
  const [target, stop] = oco();
  const part = leg("target", "170", "oco", "working", "10", "4");
  const shrunk = leg("stop", "140", "oco", "held", "6");
  check([
    ["both told", [part, shrunk], "6", KEEP, set("145"), "patch stop 145 -"],
    ["stop not told", [part, stop], "6", KEEP, KEEP, "nothing"],
    ["fill not told", [target, shrunk], "6", KEEP, KEEP, "nothing"],
  ]);
});

test("a single exit", () => {
  const oto = [leg("stop", "140", "oto", "working")];
  const part = [leg("target", "170", "alone", "partially-filled", "10", "4")];
  const odd = [leg("stop", "140", "alone", "working", "1.5")];
  check([
    ["equal", lone("stop", "140"), "10", CLEAR, set("140"), "nothing"],
    ["move", lone("stop", "140"), "10", KEEP, set("145"), "patch stop 145 -"],
    ["resize in place", lone("stop", "140"), "12", KEEP, KEEP, "patch stop - 12"],
    ["move and resize", lone("stop", "140"), "6", KEEP, set("145"), "patch stop 145 6"],
    ["becomes a pair", lone("stop", "140"), "10", set("170"), KEEP, "cancel stop"],
    ["becomes a target", lone("stop", "140"), "10", set("170"), CLEAR, "cancel stop"],
    ["clear", lone("stop", "140"), "10", KEEP, CLEAR, "cancel stop"],
    ["oto cannot be moved", oto, "10", KEEP, set("145"), "cancel stop"],
    ["oto cannot be resized", oto, "5", KEEP, KEEP, "cancel stop"],
    ["part filled, moved", part, "6", set("180"), KEEP, "patch target 180 -"],
    ["part filled, resized", part, "8", KEEP, KEEP, "cancel target"],
    ["fractional", odd, "1.5", KEEP, set("145"), "cancel stop"],
  ]);
});

test("I4: what may not be touched, and what should not be", () => check([
  ["contingent", pair("bracket", "contingent", "contingent"), "10", CLEAR, set("1"), "nothing"],
  ["cancel under way", pair("oco", "pending-cancel", "held"), "10", KEEP, set("1"), "wait target"],
  ["replacing", pair("oco", "working", "pending-replace"), "10", KEEP, set("1"), "wait stop"],
  ["two stops", [...lone("stop", "140"), ...lone("stop-2", "141")], "10", KEEP, KEEP, "cancel stop-2"],
  ["unlinked", [...lone("target", "170"), ...lone("stop", "140")], "10", KEEP, KEEP, "cancel target"],
  ["unlinked, keep the target", [...lone("target", "170"), ...lone("stop", "140")], "10", KEEP, CLEAR,
    "cancel stop"],
]));

test("what is no exit, or no number, is refused", () => {
  const entry = { ...leg("target", "170", "alone", "working"), role: "entry" };
  const code = (fault) => fault.tag === "invalid" && fault.val.code;
  assert.throws(() => plan(long([entry]), KEEP, KEEP), (fault) => code(fault) === "LEG_ROLE");
  const odd = { tag: "set", val: { hi: 0, lo: 2 ** 60, scale: 4 } };
  assert.throws(() => plan(long([]), KEEP, odd), (fault) => code(fault) === "DECIMAL");
});
