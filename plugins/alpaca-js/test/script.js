// Canned answers in the place of the host: a test is a transcript of requests. An unexpected request
// fails the test, and so does one that was expected and never made.

import assert from "node:assert/strict";

import { Client } from "../src/client.js";
import { readConfig } from "../src/config.js";
import { Dec } from "../src/sdk/decimal.js";
import { decode, encode } from "../src/sdk/text.js";

/** 2026-11-23T14:30:00Z in microseconds, and as the host's nanoseconds. */
export const NOW = 1_795_444_200_000_000;
export const NOW_NANOS = NOW * 1_000;

export class Script {
  constructor() {
    this.steps = [];
    this.client = new Client(readConfig([["base_url", "http://x"]]), this);
  }

  /** Expects `METHOD /path`, with this body where one is named. `answer` may be a text. */
  on(line, status, answer, body, headers = []) {
    const bytes = typeof answer === "string" ? answer : answer && JSON.stringify(answer);
    const all = [["x-request-id", "r-1"], ...headers];
    this.steps.push({ line, body, response: { status, headers: all, body: encode(bytes || "") } });
    return this;
  }

  /** Expects `METHOD /path`; the answer is lost. */
  lost(line, why, sent) {
    this.steps.push({ line, fault: { why, sent, message: "lost" } });
    return this;
  }

  /** Runs a call; answers `{ ok }` or `{ fault }`, and sees that all was asked. */
  run(call) {
    let outcome;
    try {
      outcome = { ok: call(this.client) };
    } catch (fault) {
      if (fault?.tag === undefined) throw fault;
      outcome = { fault };
    }
    assert.deepEqual(this.steps.map((step) => step.line), [], "never asked");
    return outcome;
  }

  send(request) {
    const line = `${request.method} ${request.url.replace("http://x", "")}`;
    const step = this.steps.shift();
    assert.ok(step, `unexpected: ${line}`);
    assert.equal(line, step.line);
    if (step.body) assert.deepEqual(JSON.parse(decode(request.body)), step.body, line);
    assert.equal(request.effect, request.method === "GET" ? "read" : "write");
    const headers = Object.fromEntries(request.headers);
    assert.equal(headers["APCA-API-KEY-ID"], "{{secret:key_id}}");
    assert.equal(headers["APCA-API-SECRET-KEY"], "{{secret:secret_key}}");
    // As the tool that builds the component throws it.
    if (step.fault) throw Object.assign(new Error("see payload"), { payload: step.fault });
    return step.response;
  }

  now() {
    return NOW;
  }
}

export const dec = (text) => Dec.parse(text).wire();
export const set = (text) => ({ tag: "set", val: dec(text) });
export const KEEP = { tag: "keep" };
export const CLEAR = { tag: "clear" };
export const CTX = { opId: "op", clientId: "bd-1", attempt: 1, budgetMs: 1_000, generation: 1 };

/** A long position of ten with these legs. */
export function long(legs, protect = "10") {
  return {
    bracketId: "b",
    instrument: { symbol: "AAPL", brokerSymbol: "AAPL" },
    entrySide: "buy",
    heldQty: dec("10"),
    protectQty: dec(protect),
    legs,
    tif: "gtc",
    memo: [["k", "v"]],
  };
}

/** `target` or `stop` of the group `g` at a price, for ten. */
export function leg(name, price, link, state, qty = "10", filled = "0") {
  const isStop = name.startsWith("stop");
  return {
    role: isStop ? "stop-loss" : "take-profit",
    brokerId: name,
    clientId: null,
    groupId: link === "alone" ? null : "g",
    link,
    state,
    price: isStop ? null : dec(price),
    stopPrice: isStop ? dec(price) : null,
    qty: dec(qty),
    filledQty: dec(filled),
  };
}

export const oco = () =>
  [leg("target", "170", "oco", "working"), leg("stop", "140", "oco", "held")];

/** Alpaca's order object with what a test cares about. */
export function order(over) {
  return {
    id: "o-1", client_order_id: "c-1", symbol: "AAPL", side: "sell", type: "limit",
    order_class: "", time_in_force: "gtc", qty: "10", notional: null, filled_qty: "0",
    filled_avg_price: null, limit_price: null, stop_price: null, status: "new",
    replaced_by: null, replaces: null, legs: null, extended_hours: false,
    submitted_at: "2026-11-23T14:30:00Z", updated_at: "2026-11-23T14:30:00Z", ...over,
  };
}

/** The answer to a posted pair. */
export const ocoOrder = (target, stop) => order({
  id: "target", client_order_id: "bd-1", order_class: "oco", limit_price: target,
  legs: [order({ id: "stop", order_class: "oco", type: "stop", stop_price: stop, status: "held" })],
});
