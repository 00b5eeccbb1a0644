// Decimals, times and texts: what comes out is what went in, or an error.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Dec, NotDecimal, wireOf } from "../src/sdk/decimal.js";
import { decode, encode, escapeUrl, parseDigits } from "../src/sdk/text.js";
import * as time from "../src/sdk/time.js";

/** What the canonical ABI makes of the two numbers. */
const value = ({ hi, lo, scale }) => {
  assert.ok(lo >= 0 && lo < 2 ** 64, `${lo} is no u64`);
  return new Dec((BigInt(hi) << 64n) | BigInt(lo), scale);
};

test("texts and their plain form", () => {
  for (const [text, plain] of [
    ["0", "0"], ["-0.00", "0"], ["149.50", "149.5"], ["+7", "7"], [".5", "0.5"], ["5.", "5"],
    ["-0.0001", "-0.0001"], ["1e2", "100"], ["1.25E-3", "0.00125"], ["1000", "1000"],
    ["79228162514264337593543950335", "79228162514264337593543950335"],
  ]) assert.equal(String(Dec.parse(text)), plain);
  for (const text of ["", ".", "-", "1.2.3", "NaN", "1e", "1e2.5", "0x10", " 1", "1_0", "٣",
    "79228162514264337593543950336", "1e-29", "1e40", 1.5, null]) {
    assert.throws(() => Dec.parse(text), NotDecimal, `${text}`);
  }
});

test("the record keeps every digit, or says that it cannot", () => {
  for (const text of ["0", "1.5", "-1", "-10.25", "-0.0001", "9007199254740991", "9007199254740993",
    "-123456.123456789", "100000000.25", "99999.123456789012", "-999999999999.99999"]) {
    assert.equal(String(value(Dec.parse(text).wire())), text);
    assert.equal(String(value(wireOf(text))), text);
  }
  for (const text of ["792281625142643375.9354", "123456789012345678.5", "-9e27"]) {
    const fits = () => assert.equal(String(value(Dec.parse(text).wire())), String(Dec.parse(text)));
    assert.throws(fits, NotDecimal, text);
  }
});

test("a record that a float has changed is refused", () => {
  assert.equal(String(Dec.read({ hi: 0, lo: 9650, scale: 2 })), "96.5");
  assert.equal(String(Dec.read({ hi: -1, lo: -15, scale: 1 })), "-1.5");
  for (const wire of [{ hi: 0, lo: 2 ** 53, scale: 0 }, { hi: 0, lo: -1, scale: 0 },
    { hi: 1, lo: 0, scale: 0 }, { hi: 0, lo: 1.5e19, scale: 2 }]) {
    assert.throws(() => Dec.read(wire), NotDecimal);
  }
});

test("means are rounded half away from zero", () => {
  for (const [text, rounded] of [["1.23456789049", "1.23456789"], ["0.0000000005", "0.000000001"],
    ["-0.0000000005", "-0.000000001"], ["99.92", "99.92"]]) {
    assert.equal(String(Dec.parse(text).rounded(9)), rounded);
  }
});

test("times are exact to the microsecond, through a float of nanoseconds", () => {
  for (const [text, micros] of [
    ["1970-01-01T00:00:00Z", 0],
    ["2000-02-29T12:00:00Z", 951_825_600_000_000],
    ["2026-11-23T09:30:00.123456789Z", 1_795_426_200_123_456],
    ["2026-11-23T04:30:00.123456-05:00", 1_795_426_200_123_456],
    ["2100-03-01T00:00:00+00:00", 4_107_542_400_000_000],
  ]) {
    assert.equal(time.parse(text), micros, text);
    assert.equal(Number(BigInt(time.wire(micros)) / 1_000n), micros);
    assert.equal(time.read(Number(BigInt(micros) * 1_000n)), micros);
  }
  for (let day = 0; day < 60_000; day += 1) {
    const micros = day * 86_400_000_000 + 86_399_000_007;
    assert.equal(time.parse(time.text(micros)), micros);
  }
  assert.equal(time.justBefore(1_795_444_200_000_000), "2026-11-23T14:29:59.999999999Z");
  assert.equal(time.justBefore(0), "1970-01-01T00:00:00.000000000Z");
  for (const text of ["", "2026-11-23", "2026-11-23T09:30:00", "2026-13-01T00:00:00Z", null,
    "2026-02-29T00:00:00Z", "2026-11-23T24:00:00Z", "1969-12-31T23:59:59Z", "2026-11-23T09:30:00+5"]) {
    assert.equal(time.parse(text), null, `${text}`);
  }
});

test("JSON keeps its digits", () => {
  const read = parseDigits('{"a":1.10, "b" :[{"c": -2e-7}],"d":"x: 5, \\"y\\": 6","e":null,"f":true}');
  assert.deepEqual(read, { a: "1.10", b: [{ c: "-2e-7" }], d: 'x: 5, "y": 6', e: null, f: true });
  assert.throws(() => parseDigits('{"a":":5 x"}'), SyntaxError);
});

test("UTF-8 and URLs", () => {
  for (const text of ["", "plain", "é – 漢 🙂", "x".repeat(20_000)]) {
    assert.equal(decode(encode(text)), text);
  }
  assert.throws(() => decode(Uint8Array.of(0xc3, 0x28)), URIError);
  assert.equal(escapeUrl("BTC/USD a-b_c.~'é"), "BTC%2FUSD%20a-b_c.~%27%C3%A9");
});
