// Reads: what is asked, and what the answers become.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { describe } from "../src/info.js";
import { readConfig } from "../src/config.js";
import * as market from "../src/read-market.js";
import * as orders from "../src/read-orders.js";
import { NOW, NOW_NANOS, Script, dec, leg, long, oco, ocoOrder, order } from "./script.js";

const AFTER = "2026-11-23T14%3A29%3A59.999999999Z";
const child = (id, type, status) => order({ id, type, order_class: "bracket", status });
const states = (all) => all.map((one) => one.state);

test("I5: held means three things", () => {
  for (const [entry, target, stop, expected] of [
    ["new", "held", "held", ["working", "contingent", "contingent"]],
    ["partially_filled", "held", "held", ["partially-filled", "contingent", "contingent"]],
    ["filled", "new", "held", ["filled", "working", "held"]],
    // After the close: the target waits for the next session, and the stop behind it with it.
    ["filled", "accepted", "held", ["filled", "pending-new", "held"]],
    ["filled", "held", "held", ["filled", "contingent", "contingent"]],
    ["filled", "filled", "canceled", ["filled", "filled", "canceled"]],
    ["from_the_future", "held", "held", ["unknown", "contingent", "contingent"]],
  ]) {
    const top = order({ id: "e", side: "buy", order_class: "bracket", status: entry,
      legs: [child("t", "limit", target), child("s", "stop", stop)] });
    const { ok } = new Script().on("GET /v2/orders/e?nested=true", 200, top)
      .run((c) => orders.order(c, { tag: "broker", val: "e" }));
    assert.deepEqual(states(ok), expected);
  }
});

test("an order is found by its client id, with its children; none is empty", () => {
  const line = "GET /v2/orders:by_client_order_id?client_order_id=bd-1";
  const key = { tag: "client", val: "bd-1" };
  const pair = new Script().on(line, 200, order({ id: "target", order_class: "oco" }))
    .on("GET /v2/orders/target?nested=true", 200, ocoOrder("170", "140"));
  assert.deepEqual(states(pair.run((c) => orders.order(c, key)).ok), ["working", "held"]);
  const gone = new Script().on(line, 404, { code: 40410000, message: "none" });
  assert.deepEqual(gone.run((c) => orders.order(c, key)).ok, []);
});

test("a lone exit is read in its family", () => {
  const line = "GET /v2/orders?status=all&nested=true&direction=desc&limit=100&symbols=AAPL";
  const parent = (status, target) => order({ id: "e", side: "buy", order_class: "bracket", status,
    legs: [child("t", "limit", target), child("s", "stop", "held")] });
  const grouped = (one) => ({ ...one, group_id: "g", position_intent: "sell_to_close" });
  const target = { ...grouped(child("t", "limit", "new")), group_role: "take_profit" };
  for (const [page, state] of [[[parent("filled", "new")], "held"],
    [[parent("new", "held")], "contingent"],
    [[target, grouped(child("s", "stop", "held"))], "held"], [[], "contingent"]]) {
    const { ok } = new Script()
      .on("GET /v2/orders/s?nested=true", 200, child("s", "stop", "held")).on(line, 200, page)
      .run((c) => orders.order(c, { tag: "broker", val: "s" }));
    assert.deepEqual(states(ok), [state]);
  }
});

test("what was ordered by other hands in other ways makes no page unreadable", () => {
  const spread = order({ id: "m", symbol: "", side: "", order_class: "mleg", limit_price: "-1.05",
    legs: [child("l", "limit", "new")] });
  const money = order({ id: "n", qty: null, notional: "100", filled_qty: "0.5",
    status: "partially_filled" });
  const { ok } = new Script()
    .on("GET /v2/orders?status=open&nested=true&direction=asc&limit=100", 200, [spread, money])
    .run((c) => orders.orders(c, true, null, null));
  assert.deepEqual(ok.orders.map((one) => [one.brokerId, one.qty, one.filledQty]),
    [["n", dec("0.5"), dec("0.5")]]);
  assert.equal(ok.complete, true);
});

test("a bracket is followed through its replacements, and what is missing is named", () => {
  const replaced = order({ id: "stop", type: "stop", order_class: "oco", status: "replaced",
    replaced_by: "stop-2" });
  const now = order({ id: "stop-2", type: "stop", order_class: "oco", status: "held",
    stop_price: "145", replaces: "stop" });
  const { ok } = new Script()
    .on("GET /v2/orders/target?nested=true", 200, order({ id: "target", order_class: "oco" }))
    .on("GET /v2/orders/stop?nested=true", 200, replaced)
    .on("GET /v2/orders/stop-2?nested=true", 200, now)
    .run((c) => orders.bracket(c, long(oco())));
  assert.deepEqual(ok.legs.map((one) => `${one.brokerId} ${one.state}`),
    ["target working", "stop-2 held"]);
  const legs = [leg("t", "170", "bracket", "working"), leg("stop-b", "140", "bracket", "contingent")];
  const gone = new Script().on("GET /v2/orders/t?nested=true", 200, child("t", "limit", "new"))
    .on("GET /v2/orders/stop-b?nested=true", 404, { code: 40410000 }).run((c) => orders.bracket(c, long(legs))).ok;
  assert.deepEqual(gone.ext, [["missing", "stop-b"]]);
});

test("orders are paged by time, and a full page proves nothing", () => {
  const line = "GET /v2/orders?status=open&nested=true&direction=asc&limit=100";
  const one = new Script().on(line, 200, [ocoOrder("170", "140")])
    .run((c) => orders.orders(c, true, null, null)).ok;
  assert.deepEqual([one.orders.length, one.complete, one.next], [2, true, null]);
  const full = Array.from({ length: 50 }, () => ocoOrder("170", "140"));
  const first = new Script().on(line, 200, full).run((c) => orders.orders(c, true, null, null)).ok;
  assert.deepEqual([first.complete, first.next], [false, decodeURIComponent(AFTER)]);
  // A page full of one moment cannot be paged on: incomplete, and said so.
  const stuck = new Script().on(`${line}&after=${AFTER}`, 200, full)
    .run((c) => orders.orders(c, true, null, first.next)).ok;
  assert.deepEqual([stuck.complete, stuck.next], [false, null]);
  const all = new Script().on(`${line.replace("=open", "=all")}&after=${AFTER}`, 200, [])
    .run((c) => orders.orders(c, false, NOW_NANOS, null)).ok;
  assert.equal(all.complete, true);
});

test("fills are paged by id, and one that cannot be read fails the page", () => {
  const line = `GET /v2/account/activities/FILL?direction=asc&page_size=100&after=${AFTER}`;
  const fill = (n, over) => ({ id: `a::${n}`, order_id: "o", symbol: "AAPL", side: "sell_short",
    qty: "2.5", price: "150.10", transaction_time: "2026-11-23T14:30:01.5Z", ...over });
  const many = Array.from({ length: 100 }, (_, n) => fill(n));
  const { ok } = new Script().on(line, 200, many).run((c) => orders.fills(c, NOW_NANOS, null));
  assert.deepEqual([ok.complete, ok.next, ok.fills[0].side], [false, "a::99", "sell"]);
  assert.equal(Math.floor(ok.fills[0].at / 1_000), NOW + 1_500_000);
  const last = new Script().on(`${line}&page_token=a%3A%3A99`, 200, [fill(100)])
    .run((c) => orders.fills(c, NOW_NANOS, "a::99")).ok;
  assert.deepEqual([last.complete, last.next], [true, null]);
  for (const over of [{ side: "gift" }, { qty: null }, { transaction_time: "noon" }, { id: 5 }]) {
    const { fault } = new Script().on(line, 200, [fill(1, over)])
      .run((c) => orders.fills(c, NOW_NANOS, null));
    assert.deepEqual([fault.tag, fault.val.detail.code], ["retryable", "UNREADABLE_ANSWER"]);
  }
});

test("prices keep their digits, and zero is no price", () => {
  const answer = '{"quotes":{"AAPL":{"t":"2026-11-23T14:30:00Z","bp":149.9900000000000001,"ap":150.01},'
    + '"MSFT":{"t":"2026-11-23T14:30:00Z","bp":0,"ap":"400.1"}}}';
  const { ok } = new Script().on("GET /v2/stocks/quotes/latest?symbols=AAPL,MSFT", 200,
    answer.replace("00000000000001", "")).run((c) => market.prices(c, ["AAPL", "BTC/USD", "MSFT"]));
  assert.deepEqual(ok.map((q) => [q.symbol, q.bid, q.ask]),
    [["AAPL", dec("149.99"), dec("150.01")], ["MSFT", null, dec("400.1")]]);
  const long = new Script().on("GET /v2/stocks/quotes/latest?symbols=AAPL", 200, answer)
    .run((c) => market.prices(c, ["AAPL"]));
  assert.equal(long.fault.val.detail.code, "UNREADABLE_ANSWER");
  assert.deepEqual(new Script().run((c) => market.prices(c, [])).ok, []);
});

test("bars by length", () => {
  const bars = { bars: { AAPL: [{ t: "2026-11-23T14:30:00Z", o: 1, h: 2.5, l: "0.5", c: 2, v: 100 }] } };
  for (const [seconds, frame] of [[60, "1Min"], [300, "5Min"], [3_600, "1Hour"], [86_400, "1Day"]]) {
    const line = `GET /v2/stocks/bars?symbols=AAPL&timeframe=${frame}`
      + "&start=2026-11-23T14%3A30%3A00.000000000Z&limit=5";
    const { ok } = new Script().on(line, 200, bars)
      .run((c) => market.bars(c, "AAPL", seconds, NOW_NANOS, 5));
    assert.deepEqual([ok[0].high, ok[0].volume], [dec("2.5"), dec("100")]);
  }
  for (const seconds of [0, 1, 90, 90_000]) {
    const { fault } = new Script().run((c) => market.bars(c, "AAPL", seconds, NOW_NANOS, 5));
    assert.equal(fault.tag, "not-supported");
  }
});

test("what could not be guarded is no instrument", () => {
  for (const [asked, path, asset, code] of [
    ["aapl", "aapl", { symbol: "AAPL", class: "us_equity" }, "SYMBOL_UNKNOWN"],
    ["BTC/USD", "BTC%2FUSD", { symbol: "BTC/USD", class: "crypto" }, "SYMBOL_UNGUARDED"],
    ["BTCUSD", "BTCUSD", { symbol: "BTC/USD", class: "crypto" }, "SYMBOL_UNGUARDED"],
  ]) {
    const { fault } = new Script().on(`GET /v2/assets/${path}`, 200, asset)
      .run((c) => market.instrument(c, asked));
    assert.deepEqual([fault.tag, fault.val.code], ["invalid", code], asked);
  }
});

test("instruments, sessions, positions and money", () => {
  const aapl = new Script().on("GET /v2/assets/AAPL", 200, { symbol: "AAPL", tradable: true })
    .run((c) => market.instrument(c, "AAPL")).ok;
  assert.deepEqual(aapl.bands.map((b) => b.tick), [dec("0.0001"), dec("0.01")]);
  const clock = { is_open: false, next_open: "2026-11-23T09:30:00-05:00" };
  const session = new Script().on("GET /v2/clock", 200, clock)
    .run((c) => market.session(c)).ok;
  assert.deepEqual([session.isOpen, Math.floor(session.nextOpen / 1_000)], [false, NOW]);

  const position = (qty, side) => ({ symbol: "AAPL", qty, side, qty_available: "4",
    avg_entry_price: "186.38516666666666667", current_price: null });
  const { ok } = new Script().on("GET /v2/positions", 200, [position("10", "long"),
    position("-10", "short"), position("10", "short")]).run(market.positions);
  assert.deepEqual(ok.map((p) => p.qty), [dec("10"), dec("-10"), dec("-10")]);
  assert.deepEqual(ok[0].avgPrice, dec("186.385166667"));
  const account = { cash: "-1000.50", equity: "2000", buying_power: "4000", trading_blocked: true };
  const money = new Script().on("GET /v2/account", 200, account).run(market.balance).ok;
  assert.deepEqual([money.cash, money.ext], [dec("-1000.5"), [["trading_blocked", "true"]]]);
});

test("what is no answer is read again", () => {
  for (const body of ["", "half an ans", '"text"', "[]", '{"cash":true}', "{}"]) {
    const { fault } = new Script().on("GET /v2/account", 200, body).run(market.balance);
    assert.deepEqual([fault.tag, fault.val.detail.code], ["retryable", "UNREADABLE_ANSWER"], body);
  }
});

test("the card has the package's version, and addresses are checked", () => {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url)));
  assert.equal(describe().version, version);
  assert.equal(readConfig([["base_url", "https://api.alpaca.markets/"]]).data,
    "https://data.alpaca.markets");
  for (const pairs of [[], [["base_url", "ftp://a"]], [["base_url", "http://a"], ["data_url", "b"]]]) {
    assert.throws(() => readConfig(pairs), (fault) => fault.val.code === "CONFIG");
  }
});

test("an answer without bars is none of Alpaca's", () => {
  const line = "GET /v2/stocks/bars?symbols=AAPL&timeframe=1Min&start=2026-11-23T14%3A30%3A00.000000000Z&limit=5";
  const ask = (answer) =>
    new Script().on(line, 200, answer).run((c) => market.bars(c, "AAPL", 60, NOW_NANOS, 5));
  assert.deepEqual(ask({ bars: null }).ok, []);
  assert.equal(ask({ ok: true }).fault.val.detail.code, "UNREADABLE_ANSWER");
});
