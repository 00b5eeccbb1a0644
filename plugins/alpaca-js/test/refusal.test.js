// Every refusal we know: (status, code, message) -> (fault, neutral code). One of Alpaca's codes
// stands for opposite remedies, which is why the rows look alike on the left.

import assert from "node:assert/strict";
import { test } from "node:test";

import { judge } from "../src/refusal.js";
import { READ, write } from "../src/sdk/fault.js";
import { encode } from "../src/sdk/text.js";
import { NOW } from "./script.js";

const WRITE = write([{ tag: "client", val: "bd-1" }]);
const answer = (status, body, headers = []) =>
  ({ status, headers, body: encode(body === null ? "" : JSON.stringify(body)) });
const kind = ({ tag, val }) => `${tag} ${(val.detail ?? val).code}`;

const ROWS = [
  [403, 40310000, "insufficient buying power", "rejected INSUFFICIENT_FUNDS"],
  [403, 40310000, "insufficient qty available for order (requested: 10, available: 0)",
    "rejected INSUFFICIENT_QTY"],
  [403, 40310000, "potential wash trade detected. use complex orders", "rejected WASH_TRADE"],
  [422, 42210000, "potential wash trade detected. use complex orders", "rejected WASH_TRADE"],
  [403, 40310000, "opposite side market/stop order exists", "rejected WASH_TRADE"],
  [403, 40310000, "cannot open a long buy while a short sell order is open", "rejected WOULD_NET"],
  [403, 40310000, "account is not allowed to short", "rejected NOT_SHORTABLE"],
  [403, 40310000, "extended_hours is not allowed", "rejected SESSION_NOT_ALLOWED"],
  [403, 40310000, "something new", "rejected NOT_ALLOWED"],
  [422, 42210000, "sub-penny increment does not fulfill minimum pricing criteria",
    "rejected PRICE_INCREMENT"],
  [422, 42210000, "stop_loss.stop_price must be <= base_price - 0.01", "rejected PRICE_GEOMETRY"],
  [422, 42210000, "stop price must be less than current price", "rejected STOP_THROUGH_MARKET"],
  [422, 42210000, "bracket orders must be entry orders", "rejected NOT_ENTRY"],
  [422, 42210000, "oco orders must be exit orders", "rejected POSITION_GONE"],
  [422, 42210000, "asset XXXX is not tradable", "rejected NOT_TRADABLE"],
  [422, 42210000, "fractional orders must be simple orders", "rejected FRACTIONAL_NOT_ALLOWED"],
  [422, 42210000, "order already replaced", "rejected ORDER_REPLACED"],
  [422, 42210000, "order already pending replacement", "retryable REPLACE_IN_FLIGHT"],
  [422, 42210000, "order chain not fully replaced", "retryable REPLACE_IN_FLIGHT"],
  [422, 42210000, "qty must be > filled_qty", "rejected QTY_BELOW_FILLED"],
  [422, 42210000, "order is not open, status: filled", "rejected ORDER_CLOSED"],
  [422, 42210000, "order is not cancelable", "rejected NOT_CANCELABLE"],
  [422, 42210000, "something new", "rejected REFUSED"],
  [422, 40010001, "oto orders support only day or gtc", "rejected FIELD_VALIDATION"],
  [422, 40010001, "client_order_id must be unique", "unknown-outcome DUPLICATE_CLIENT_ID"],
  [400, 40010000, "request body format is invalid", "rejected MALFORMED"],
  [401, 40110000, "access key verification failed", "auth AUTH"],
  [403, 40000000, "forbidden.", "auth FORBIDDEN"],
  [404, 40410000, "order not found for id", "not-found NOT_FOUND"],
  [404, 40410000, "position does not exist", "not-found POSITION_GONE"],
  [429, 42910000, "rate limit exceeded", "rate-limited RATE_LIMITED"],
  [500, 50010000, "internal server error occurred", "unknown-outcome UNAVAILABLE"],
  [504, 50410000, "timeout", "unknown-outcome UNAVAILABLE"],
  [302, 0, "", "unknown-outcome REFUSED"],
];

test("a front door that finds nothing says nothing of the broker", () => {
  for (const body of [null, "<html>404</html>", { message: "no Route matched" }]) {
    assert.equal(kind(judge(answer(404, body), NOW, READ)), "retryable NOT_FOUND");
    assert.equal(kind(judge(answer(404, body), NOW, WRITE)), "not-found NOT_FOUND");
  }
});

test("a write that was refused", () => {
  for (const [status, code, message, expected] of ROWS) {
    assert.equal(kind(judge(answer(status, { code, message }), NOW, WRITE)), expected, message);
  }
});

test("I13: a failed server is asked again for reads only", () => {
  for (const status of [500, 502, 503, 504, 408]) {
    assert.equal(judge(answer(status, null), NOW, READ).tag, "retryable");
    assert.equal(judge(answer(status, null), NOW, WRITE).tag, "unknown-outcome");
  }
});

test("who is in the way is named", () => {
  const held = { code: 40310000, available: "0", held_for_orders: "10", related_orders: ["a", "b"],
    message: "insufficient qty available for order" };
  const { val } = judge(answer(403, held, [["x-request-id", "r-1"]]), NOW, WRITE);
  assert.deepEqual([val.blocking, val.brokerCode, val.httpStatus], [["a", "b"], "40310000", 403]);
  assert.deepEqual(val.ext, [["available", "0"], ["held_for_orders", "10"], ["request_id", "r-1"]]);
  const wash = { code: 40310000, existing_order_id: "c", message: "reworded" };
  assert.equal(kind(judge(answer(403, wash), NOW, WRITE)), "rejected WASH_TRADE");
});

test("a rate limit says how long", () => {
  const seconds = NOW / 1_000_000;
  for (const [name, value, ms] of [["X-RateLimit-Reset", seconds + 7, 7_000],
    ["x-ratelimit-reset", seconds - 7, 0], ["x-ratelimit-reset", "9".repeat(19), 60_000],
    ["retry-after", 3, 3_000], ["retry-after", "soon", null], ["x-other", 3, null]]) {
    const { val } = judge(answer(429, null, [[name, String(value)]]), NOW, WRITE);
    assert.equal(val.afterMs, ms, `${name}: ${value}`);
  }
});
