// Alpaca's words and ours. Apart because these tables are what an integrator checks first. It must
// never guess: a word that is not in them is `unknown`, or `other`.

const STATES = {
  new: "working",
  accepted_for_bidding: "working",
  stopped: "working",
  accepted: "pending-new",
  pending_new: "pending-new",
  pending_review: "pending-new",
  partially_filled: "partially-filled",
  pending_replace: "pending-replace",
  pending_cancel: "pending-cancel",
  done_for_day: "inactive",
  suspended: "inactive",
  calculated: "inactive",
  held: "contingent",
  filled: "filled",
  canceled: "canceled",
  rejected: "rejected",
  expired: "expired",
  replaced: "replaced",
};
const LINKS = { "": "alone", simple: "alone", oco: "oco", bracket: "bracket", oto: "oto" };
const KINDS = {
  market: "market",
  limit: "limit",
  stop: "stop",
  stop_limit: "stop-limit",
  trailing_stop: "trailing-stop",
};
const TIFS = ["day", "gtc", "ioc", "fok", "opg", "cls"];
const SIDES = { buy: "buy", sell: "sell", sell_short: "sell" };

const word = (table, key, otherwise) => (Object.hasOwn(table, key ?? "") ? table[key] : otherwise);

/**
 * The state behind a status word. `place`: "top" (alone, or the parent), "sibling" (exit beside a
 * live exit of its pair), "waiting" (exit of an entry that is not completely filled).
 */
export function orderState(status, place) {
  if (status === "held" && place === "sibling") return "held";
  const state = word(STATES, status, "unknown");
  // Some live words are used for an exit before it can trade; it still protects nothing.
  const early = place === "waiting" && (state === "working" || state === "pending-new");
  return early ? "contingent" : state;
}

/** Whether an order in this state can never trade again. */
export const isOver = (state) =>
  ["filled", "canceled", "rejected", "expired", "replaced"].includes(state);

/** Whether it works at the broker now. */
export const rests = (state) => ["working", "partially-filled", "pending-replace"].includes(state);

/**
 * Whether it works at the broker, or was taken and will: one that is placed after the close stays
 * `accepted` until the next morning, and a sibling that is `held` is held beside it.
 */
export const stands = (state) => rests(state) || state === "pending-new";

export const link = (orderClass) => word(LINKS, orderClass, "other");
export const kind = (type) => word(KINDS, type, "other");
export const tif = (text) => (TIFS.includes(text) ? text : "other");

/** The side behind a word; null where it is none. Activities say `sell_short`. */
export const side = (text) => word(SIDES, text, null);

/** Alpaca's word for a time in force; null where it has no such thing. */
export const tifWord = (ours) => (TIFS.includes(ours) ? ours : null);

/** Alpaca's word for an order kind; null where it has no such thing, or we never send it. */
export const kindWord = (ours) =>
  ["market", "limit", "stop", "stop-limit"].includes(ours) ? ours.replace("-", "_") : null;

/** The side that closes what this side opened. */
export const opposite = (ours) => (ours === "buy" ? "sell" : "buy");
