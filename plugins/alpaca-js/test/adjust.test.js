// `adjust-*` and plain orders as transcripts: what leaves, and what is made of the answer.

import assert from "node:assert/strict";
import { test } from "node:test";

import { adjust } from "../src/adjust.js";
import * as trade from "../src/trade.js";
import { CLEAR, CTX, KEEP, Script, dec, leg, long, oco, ocoOrder, order, set } from "./script.js";

const run = (script, b, target, stop) => script.run((c) => adjust(c, CTX, b, target, stop));
const states = (legs) => legs.map((one) => `${one.brokerId} ${one.state}`);
const pairBody = (target, stop) => ({
  symbol: "AAPL", qty: "10", side: "sell", type: "limit", time_in_force: "gtc", order_class: "oco",
  client_order_id: "bd-1", take_profit: { limit_price: target }, stop_loss: { stop_price: stop },
});

test("a pair is posted as one OCO", () => {
  const script = new Script()
    .on("POST /v2/orders", 200, ocoOrder("170", "140"), pairBody("170", "140"));
  const { ok } = run(script, long([]), set("170.00"), set("140"));
  assert.deepEqual([ok.how, ok.progress], ["new-leg", { tag: "confirmed" }]);
  assert.deepEqual(states(ok.legs), ["target working", "stop held"]);
  assert.deepEqual([ok.ext, ok.memo, ok.legs[1].stopPrice], [[], [["k", "v"]], dec("140")]);
});

test("a single exit can only close", () => {
  for (const [entry, side, target, stop, type, field, price] of [
    ["buy", "sell", CLEAR, set("140"), "stop", "stop_price", "140"],
    ["buy", "sell", set("170"), CLEAR, "limit", "limit_price", "170"],
    ["sell", "buy", KEEP, set("180.5"), "stop", "stop_price", "180.5"],
  ]) {
    const body = { symbol: "AAPL", qty: "10", side, type, time_in_force: "gtc",
      client_order_id: "bd-1", [field]: price, position_intent: `${side}_to_close` };
    const answer = order({ id: "new", side, type, [field]: price });
    const script = new Script().on("POST /v2/orders", 200, answer, body);
    const { ok } = run(script, { ...long([]), entrySide: entry }, target, stop);
    assert.deepEqual([states(ok.legs), ok.ext], [["new working"], []]);
    assert.equal(ok.legs[0].role, type === "stop" ? "stop-loss" : "take-profit");
  }
});

test("I6: a stop is replaced in place and stays held behind its target", () => {
  for (const [status, state, progress] of [["held", "held", "confirmed"],
    ["new", "working", "confirmed"], ["accepted", "pending-new", "accepted"]]) {
    const answer = order({ id: "stop-2", order_class: "bracket", type: "stop", stop_price: "145",
      status, replaces: "stop" });
    const script = new Script().on("PATCH /v2/orders/stop", 200, answer,
      { stop_price: "145", client_order_id: "bd-1" });
    const legs = [leg("target", "170", "bracket", "working"), leg("stop", "140", "bracket", "held")];
    const { ok } = run(script, long(legs), KEEP, set("145"));
    assert.deepEqual([ok.how, ok.progress.tag], ["replaced-in-place", progress], status);
    assert.deepEqual(states(ok.legs), ["target working", `stop-2 ${state}`]);
    assert.equal(ok.legs[1].groupId, "g");
  }
});

test("both prices take two calls, one write each", () => {
  const stop = order({ id: "stop-2", order_class: "oco", type: "stop", stop_price: "145",
    status: "held" });
  const first = run(new Script().on("PATCH /v2/orders/stop", 200, stop), long(oco()), set("180"),
    set("145")).ok;
  assert.equal(first.progress.tag, "accepted");
  const target = order({ id: "target-2", order_class: "oco", limit_price: "180" });
  const second = run(new Script().on("PATCH /v2/orders/target", 200, target), long(first.legs),
    set("180"), set("145")).ok;
  assert.equal(second.progress.tag, "confirmed");
  const third = run(new Script(), long(second.legs), set("180"), set("145")).ok;
  assert.deepEqual([third.how, third.progress.tag], ["unchanged", "confirmed"]);
});

test("a change that is so already is unchanged", () => {
  const refusal = { code: 42210000, message: "order parameters are not changed" };
  const { ok } = run(new Script().on("PATCH /v2/orders/stop", 422, refusal), long(oco()), KEEP,
    set("145"));
  assert.deepEqual([ok.how, ok.legs[1].stopPrice], ["unchanged", dec("145")]);
});

test("one cancel ends a pair, and an unlinked leg alone", () => {
  const { ok } = run(new Script().on("DELETE /v2/orders/target", 204, ""), long(oco()), CLEAR, KEEP);
  assert.deepEqual(ok.progress, { tag: "waiting-for", val: "target" });
  assert.deepEqual(states(ok.legs), ["target pending-cancel", "stop pending-cancel"]);
  const alone = [leg("target", "170", "alone", "working"), leg("stop", "140", "alone", "working")];
  const one = run(new Script().on("DELETE /v2/orders/target", 204, ""), long(alone), CLEAR, KEEP).ok;
  assert.deepEqual(states(one.legs), ["target pending-cancel", "stop working"]);
});

test("an answer that differs from the request is named", () => {
  const script = new Script().on("POST /v2/orders", 200, ocoOrder("170", "139"));
  const { ok } = run(script, long([]), set("170"), set("140"));
  assert.deepEqual(ok.ext, [["mismatch", "stop-loss stop_price: asked 140, got 139"]]);
});

test("I13: a write that may have left is in doubt, with what to look up", () => {
  const [client, broker] = [(val) => ({ tag: "client", val }), (val) => ({ tag: "broker", val })];
  for (const [line, legs, target, stop, lookup] of [
    ["POST /v2/orders", [], set("170"), set("140"), [client("bd-1")]],
    ["PATCH /v2/orders/stop", oco(), KEEP, set("145"), [client("bd-1"), broker("stop")]],
    ["DELETE /v2/orders/target", oco(), CLEAR, CLEAR, [broker("target")]],
  ]) {
    for (const [why, sent, tag] of [["timeout", "yes", "unknown-outcome"],
      ["protocol", "unknown", "unknown-outcome"], ["connect", "no", "retryable"],
      ["denied", "no", "rejected"]]) {
      const { fault } = run(new Script().lost(line, why, sent), long(legs), target, stop);
      assert.equal(fault.tag, tag, `${line} ${why}`);
      if (tag === "unknown-outcome") assert.deepEqual(fault.val.lookup, lookup);
    }
  }
  const cut = run(new Script().on("POST /v2/orders", 200, '{"id":"o-1","sta'), long([]), set("170"),
    set("140")).fault;
  assert.deepEqual([cut.tag, cut.val.detail.code], ["unknown-outcome", "UNREADABLE_ANSWER"]);
});

test("a refused pair leaves nothing resting", () => {
  const refusal = { code: 42210000, base_price: "170", message: "stop price <= base_price - 0.01" };
  const { fault } = run(new Script().on("POST /v2/orders", 422, refusal), long([]), set("170"),
    set("140"));
  assert.deepEqual([fault.val.code, fault.val.legsNow], ["PRICE_GEOMETRY", []]);
});

test("a pair's stop that the market has reached is named so, though not in those words", () => {
  const says = (price) => ({ code: 42210000, base_price: price,
    message: `stop_loss.stop_price must be <= base_price - 0.01` });
  for (const [line, legs, target, stop, code] of [
    ["POST /v2/orders", [], "170", "140", "STOP_THROUGH_MARKET"],
    ["PATCH /v2/orders/stop", oco(), null, "145", "STOP_THROUGH_MARKET"],
    ["PATCH /v2/orders/stop", oco(), null, "175", "PRICE_GEOMETRY"],
  ]) {
    const { fault } = run(new Script().on(line, 422, says("139.5")), long(legs),
      target ? set(target) : KEEP, set(stop));
    assert.deepEqual([fault.tag, fault.val.code], ["rejected", code], `${line} ${stop}`);
  }
});

const entry = (over) => ({ symbol: "AAPL", side: "buy", kind: "limit", tif: "gtc", qty: dec("10"),
  limitPrice: dec("150.50"), stopPrice: null, takeProfit: null, stopLoss: null, reduceOnly: false,
  ext: [], ...over });

test("the class follows the exits an entry carries", () => {
  const base = { symbol: "AAPL", qty: "10", side: "buy", type: "limit", time_in_force: "gtc",
    client_order_id: "bd-1", limit_price: "150.5" };
  const [loss, take] = [{ stop_loss: { stop_price: "140" } }, { take_profit: { limit_price: "170" } }];
  for (const [over, extra] of [
    [{}, {}],
    [{ takeProfit: dec("170"), stopLoss: dec("140") }, { order_class: "bracket", ...take, ...loss }],
    [{ stopLoss: dec("140") }, { order_class: "oto", ...loss }],
    [{ kind: "market", limitPrice: null, reduceOnly: true },
      { type: "market", limit_price: undefined, position_intent: "buy_to_close" }],
  ]) {
    const body = JSON.parse(JSON.stringify({ ...base, ...extra }));
    const script = new Script().on("POST /v2/orders", 200, order({ side: "buy" }), body);
    const { ok } = script.run((c) => trade.submit(c, CTX, entry(over)));
    assert.equal(ok.progress.tag, "confirmed");
  }
  for (const [over, tag] of [[{ kind: "trailing-stop" }, "not-supported"],
    [{ tif: "gtd" }, "not-supported"], [{ reduceOnly: true, stopLoss: dec("1") }, "invalid"]]) {
    assert.equal(new Script().run((c) => trade.submit(c, CTX, entry(over))).fault.tag, tag);
  }
});

test("I5: the exits of an unfilled bracket are contingent", () => {
  const child = (id, type) => order({ id, type, order_class: "bracket", status: "held" });
  const answer = order({ id: "entry", side: "buy", order_class: "bracket", status: "pending_new",
    legs: [child("t", "limit"), child("s", "stop")] });
  const { ok } = new Script().on("POST /v2/orders", 200, answer)
    .run((c) => trade.submit(c, CTX, entry({ takeProfit: dec("170"), stopLoss: dec("140") })));
  assert.equal(ok.progress.tag, "accepted");
  assert.deepEqual(ok.orders.map((o) => [o.brokerId, o.role, o.state, o.parentId, o.groupId]), [
    ["entry", "entry", "pending-new", null, "entry"],
    ["t", "take-profit", "contingent", "entry", "entry"],
    ["s", "stop-loss", "contingent", "entry", "entry"],
  ]);
});

test("a replacement is a new order, a cancel only a request", () => {
  const change = { qty: dec("5"), limitPrice: dec("151"), stopPrice: null, tif: "day" };
  const body = { client_order_id: "bd-1", qty: "5", limit_price: "151", time_in_force: "day" };
  const answer = order({ id: "o-2", replaces: "o/1", status: "accepted" });
  const { ok } = new Script().on("PATCH /v2/orders/o%2F1", 200, answer, body)
    .run((c) => trade.replace(c, CTX, "o/1", change));
  assert.deepEqual([ok.progress.tag, ok.orders[0].replaces], ["accepted", "o/1"]);
  const gone = new Script().on("DELETE /v2/orders/o-1", 204, "").run((c) => trade.cancel(c, "o-1"));
  assert.deepEqual(gone.ok, { orders: [], progress: { tag: "waiting-for", val: "o-1" } });
  // A page of a front door says nothing of whether it was taken.
  const page = new Script().on("DELETE /v2/orders/o-1", 200, "<html>")
    .run((c) => trade.cancel(c, "o-1"));
  assert.equal(page.fault.tag, "unknown-outcome");
});
