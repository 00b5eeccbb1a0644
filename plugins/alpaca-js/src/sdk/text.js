// Bytes, texts and JSON. Apart because the engine has neither TextDecoder nor TextEncoder, and
// because JSON.parse makes floats of numbers. It must never change a digit.

const CHUNK = 8_192;

/** The text in UTF-8 bytes; throws where they are none. */
export function decode(bytes) {
  let raw = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    raw += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK));
  }
  return /[^\x00-\x7f]/.test(raw) ? decodeURIComponent(escape(raw)) : raw;
}

/** A text as UTF-8 bytes. */
export function encode(text) {
  const raw = unescape(encodeURIComponent(text));
  return Uint8Array.from(raw, (char) => char.charCodeAt(0));
}

// A number after a key. The quote of a key is never an escaped one.
const NUMBER = /(?<!\\)":\s*(-?\d[\d.eE+-]*)/g;

/**
 * Parses JSON and keeps the numbers of its objects as the texts they are, never as floats. Costs
 * twice what JSON.parse does. A text that holds what looks like a key makes the result no JSON: an
 * error, never another value.
 */
export function parseDigits(json) {
  return JSON.parse(json.replace(NUMBER, '":"$1"'));
}

/** Percent-encodes one value of a query or one part of a path: all but unreserved characters. */
export function escapeUrl(value) {
  return encodeURIComponent(value).replace(/[!'()*]/g, (char) =>
    `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
