// Exact decimals on BigInt. Apart because the ABI's record of two 64-bit halves reaches JavaScript
// as two floats, and this file knows how that stays exact. It must never round unless it is told
// to, and never lets a value through that a float has changed: what does not fit is an error.

const LIMIT = 1n << 96n;
const MAX_SCALE = 28;
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
// 10^11 = 2^11 * 5^11: a low half that is a multiple of it has at most 53 bits that count.
const SHIFT = 11;

/** A text, a number or a record that is no decimal we can carry. */
export class NotDecimal extends Error {}

/** `coefficient / 10^scale`, without zeros at the end: equal values are equal in both parts. */
export class Dec {
  constructor(coefficient, scale = 0) {
    while (scale > 0 && coefficient % 10n === 0n) {
      coefficient /= 10n;
      scale -= 1;
    }
    if (scale > MAX_SCALE || coefficient >= LIMIT || coefficient <= -LIMIT) {
      throw new NotDecimal(`${coefficient}e-${scale} does not fit 96 bits and 28 decimals`);
    }
    this.coefficient = coefficient;
    this.scale = scale;
  }

  /** Reads `[+-]digits[.digits][e[+-]digits]`. */
  static parse(text) {
    const parts = typeof text === "string" && PATTERN.exec(text);
    if (!parts || (parts[2] === "" && !parts[3])) throw new NotDecimal(`${text} is no decimal`);
    const fraction = (parts[3] ?? "").replace(/0+$/, "");
    const exponent = Number(parts[4] ?? 0);
    if (Math.abs(exponent) > 99) throw new NotDecimal(`${text} does not fit`);
    const digits = BigInt(parts[2] + fraction);
    const scale = fraction.length - exponent;
    const size = scale < 0 ? digits * 10n ** BigInt(-scale) : digits;
    return new Dec(parts[1] === "-" ? -size : size, Math.max(scale, 0));
  }

  /** Reads the ABI's record. A half beyond 53 bits was changed on its way here: an error. */
  static read({ hi, lo, scale }) {
    const exact = Number.isSafeInteger(lo) && ((hi === 0 && lo >= 0) || (hi === -1 && lo < 0));
    if (!exact) throw new NotDecimal("a decimal of more than 53 bits cannot be read here");
    return new Dec(BigInt(lo), scale);
  }

  /** The ABI's record: a low half beyond 53 bits is widened by 10^11, so that a float holds it. */
  wire() {
    if (this.coefficient >= 0n && this.coefficient <= SAFE) {
      return { hi: 0, lo: Number(this.coefficient), scale: this.scale };
    }
    const wide = this.coefficient * 10n ** BigInt(SHIFT);
    if (this.scale + SHIFT > MAX_SCALE || wide >= LIMIT || wide <= -LIMIT) {
      throw new NotDecimal(`${this} has too many digits to be told exactly`);
    }
    const lo = Number(BigInt.asUintN(64, wide));
    return { hi: Number(wide >> 64n), lo, scale: this.scale + SHIFT };
  }

  /** Rounded to so many decimals, half away from zero. */
  rounded(scale) {
    if (this.scale <= scale) return this;
    const unit = 10n ** BigInt(this.scale - scale);
    const size = this.coefficient < 0n ? -this.coefficient : this.coefficient;
    const near = (size + unit / 2n) / unit;
    return new Dec(this.coefficient < 0n ? -near : near, scale);
  }

  minus(other) {
    const scale = Math.max(this.scale, other.scale);
    const at = (dec) => dec.coefficient * 10n ** BigInt(scale - dec.scale);
    return new Dec(at(this) - at(other), scale);
  }

  negated() {
    return new Dec(-this.coefficient, this.scale);
  }

  equals(other) {
    return other != null && this.coefficient === other.coefficient && this.scale === other.scale;
  }

  get isZero() {
    return this.coefficient === 0n;
  }

  get isNegative() {
    return this.coefficient < 0n;
  }

  get isWhole() {
    return this.scale === 0;
  }

  toString() {
    const negative = this.coefficient < 0n;
    const digits = String(negative ? -this.coefficient : this.coefficient);
    const padded = digits.padStart(this.scale + 1, "0");
    const point = padded.length - this.scale;
    const text = this.scale ? `${padded.slice(0, point)}.${padded.slice(point)}` : padded;
    return negative ? `-${text}` : text;
  }
}

/** The ABI's record of a text: the common short ones without a BigInt, which costs ten times more. */
export function wireOf(text) {
  const parts = typeof text === "string" ? SHORT.exec(text) : null;
  const fraction = parts?.[2] ?? "";
  if (!parts || parts[1].length + fraction.length > 15) return Dec.parse(text).wire();
  return { hi: 0, lo: Number(parts[1] + fraction), scale: fraction.length };
}

const SHORT = /^(\d+)(?:\.(\d+))?$/;
const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

export const ZERO = new Dec(0n);
export const ONE = new Dec(1n);
