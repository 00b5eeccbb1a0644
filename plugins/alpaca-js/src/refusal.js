// What a refusal means. One of Alpaca's codes stands for opposite remedies, so the judgement takes
// status, code, message and extra fields together. It must never call a write harmless when the
// answer leaves that open.

import { detail, retryable, unclear } from "./sdk/fault.js";
import { decode } from "./sdk/text.js";

// Longest wait a rate limit may ask for; its window is a minute.
const LONGEST_WAIT_MS = 60_000;
// A replacement that is still settling takes this long, by what integrators report.
const SETTLE_MS = 250;

// Message fragment and neutral code, most specific first. Messages "can change without notice", so
// what is not found here falls back to the code's own meaning.
const BY_MESSAGE = [
  ["client_order_id must be unique", "DUPLICATE_CLIENT_ID"],
  ["order parameters are not changed", "NOT_CHANGED"],
  ["order chain not fully replaced", "REPLACE_IN_FLIGHT"],
  ["already pending replacement", "REPLACE_IN_FLIGHT"],
  ["order already replaced", "ORDER_REPLACED"],
  ["cannot replace order", "NOT_REPLACEABLE"],
  ["unable to replace order", "NOT_REPLACEABLE"],
  ["not replaceable", "NOT_REPLACEABLE"],
  ["cannot be replaced", "NOT_REPLACEABLE"],
  ["qty must be > filled_qty", "QTY_BELOW_FILLED"],
  ["not cancelable", "NOT_CANCELABLE"],
  ["cannot cancel order", "NOT_CANCELABLE"],
  ["order is already in", "NOT_CANCELABLE"],
  ["order is not open", "ORDER_CLOSED"],
  ["wash trade", "WASH_TRADE"],
  ["opposite side", "WASH_TRADE"],
  ["insufficient qty", "INSUFFICIENT_QTY"],
  ["insufficient buying power", "INSUFFICIENT_FUNDS"],
  ["cannot open a long buy while", "WOULD_NET"],
  ["cannot open a short sell while", "WOULD_NET"],
  ["not allowed to short", "NOT_SHORTABLE"],
  ["cannot be sold short", "NOT_SHORTABLE"],
  ["not shortable", "NOT_SHORTABLE"],
  ["sub-penny", "PRICE_INCREMENT"],
  ["minimum pricing criteria", "PRICE_INCREMENT"],
  ["stop price must be less than current", "STOP_THROUGH_MARKET"],
  ["stop price must be greater than current", "STOP_THROUGH_MARKET"],
  ["base_price", "PRICE_GEOMETRY"],
  ["must be entry orders", "NOT_ENTRY"],
  ["oco orders must be exit orders", "POSITION_GONE"],
  ["must be exit orders", "NOT_EXIT"],
  ["position does not exist", "POSITION_GONE"],
  // Only closing orders name their intent: the position is gone, or smaller than the order.
  ["position intent mismatch", "POSITION_GONE"],
  ["fractional orders", "FRACTIONAL_NOT_ALLOWED"],
  ["not fractionable", "FRACTIONAL_NOT_ALLOWED"],
  ["extended_hours", "SESSION_NOT_ALLOWED"],
  ["market is closed", "MARKET_CLOSED"],
  ["halted", "HALTED"],
  ["not tradable", "NOT_TRADABLE"],
  ["not active", "NOT_TRADABLE"],
  ["could not find asset", "SYMBOL_UNKNOWN"],
  ["asset not found", "SYMBOL_UNKNOWN"],
  ["account is restricted", "ACCOUNT_RESTRICTED"],
  ["not authorized", "ACCOUNT_RESTRICTED"],
  ["trading is blocked", "ACCOUNT_RESTRICTED"],
];

/** Whether the broker says that what was asked for is so already. */
export const isNotChanged = (fault) => fault?.tag === "rejected" && fault.val.code === "NOT_CHANGED";

/** The fault behind an answer whose status is not a success. `now` in microseconds. */
export function judge(response, now, purpose) {
  const { status } = response;
  const refusal = readRefusal(response.body);
  const about = describe(response, refusal);
  if (status === 401 || (status === 403 && about.code === "FORBIDDEN")) {
    return { tag: "auth", val: about };
  }
  // Taken earlier: perhaps by the very request whose answer was lost.
  if (about.code === "DUPLICATE_CLIENT_ID" && purpose.isWrite) return unclear(about, purpose);
  if (about.code === "REPLACE_IN_FLIGHT") return retryable(about, SETTLE_MS);
  // A front door that knows no such address says nothing of what Alpaca has.
  if (status === 404 && refusal.code === undefined && !purpose.isWrite) return retryable(about);
  if (status === 404) return { tag: "not-found", val: about };
  if (status === 429) {
    return { tag: "rate-limited", val: { detail: about, afterMs: resetMs(response, now) } };
  }
  if (isUnavailable(status) || (status >= 300 && status < 400)) return unclear(about, purpose);
  return { tag: "rejected", val: about };
}

const isUnavailable = (status) => status === 408 || status >= 500;

/** What every refusal carries and some add; an unreadable body is none of it. */
function readRefusal(body) {
  try {
    const read = JSON.parse(decode(body));
    return typeof read === "object" && read !== null ? read : {};
  } catch {
    return {};
  }
}

function describe(response, refusal) {
  const given = (field) => {
    const value = refusal[field];
    return typeof value === "string" || typeof value === "number" ? String(value) : null;
  };
  const related = Array.isArray(refusal.related_orders) ? refusal.related_orders : [];
  const blocking = related.filter((id) => typeof id === "string");
  if (given("existing_order_id")) blocking.push(given("existing_order_id"));
  const ext = ["available", "held_for_orders", "base_price"]
    .filter((field) => given(field) !== null)
    .map((field) => [field, given(field)]);
  const requestId = header(response, "x-request-id");
  if (requestId) ext.push(["request_id", requestId]);
  return detail(neutral(response.status, given), given("message") || `HTTP ${response.status}`, {
    httpStatus: response.status,
    brokerCode: given("code"),
    blocking,
    ext,
  });
}

function neutral(status, given) {
  if (status === 401) return "AUTH";
  if (status === 429) return "RATE_LIMITED";
  if (isUnavailable(status)) return "UNAVAILABLE";
  const message = (given("message") ?? "").toLowerCase();
  const known = BY_MESSAGE.find(([part]) => message.includes(part));
  if (status >= 400 && known) return known[1];
  if (given("existing_order_id") !== null) return "WASH_TRADE";
  if (given("held_for_orders") !== null) return "INSUFFICIENT_QTY";
  if (given("base_price") !== null) return "PRICE_GEOMETRY";
  if (status === 404) return "NOT_FOUND";
  if (status === 403) return /^4031\d{4}$/.test(given("code") ?? "") ? "NOT_ALLOWED" : "FORBIDDEN";
  if (status === 422 && given("code") === "40010001") return "FIELD_VALIDATION";
  return status === 400 ? "MALFORMED" : "REFUSED";
}

function header(response, name) {
  return response.headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? null;
}

function resetMs(response, now) {
  const seconds = (name) => {
    const value = header(response, name)?.trim();
    return value && /^\d+$/.test(value) ? Number(value) : null;
  };
  const [after, until] = [seconds("retry-after"), seconds("x-ratelimit-reset")];
  if (after !== null) return Math.min(after * 1_000, LONGEST_WAIT_MS);
  if (until === null) return null;
  const left = until * 1_000 - Math.floor(now / 1_000);
  return Math.min(Math.max(left, 0), LONGEST_WAIT_MS);
}
