// Reads of orders and fills. Apart from writes, because the host denies writes here. It must never
// call an order absent that it did not ask for.

import * as time from "./sdk/time.js";
import { escapeUrl } from "./sdk/text.js";
import { family, isLive, leg as legOf, page } from "./orders.js";
import { side, stands } from "./status.js";
import { Unreadable, list, needNumber, needText, object, order as readOrder } from "./wire.js";

// Alpaca pages up to 500 orders; this engine reads a hundred within its CPU budget with room to spare.
const ORDER_PAGE = 100;
// Alpaca's largest page of activities.
const FILL_PAGE = 100;
// A chain of replacements longer than this is a loop.
const LONGEST_CHAIN = 16;

/** The order behind a key, then its children; empty when there is none. */
export function order(client, key) {
  const found = key.tag === "broker" ? byId(client, key.val) : byClientId(client, key.val);
  if (!found) return [];
  const orders = family(found);
  if (orders[0].link !== "bracket" || orders[0].state !== "contingent") return orders;
  return inFamily(client, orders[0]) ?? orders;
}

/** The legs of a bracket as they are now; a replaced leg is shown by its successor. */
export function bracket(client, b) {
  const [seen, legs] = [[], []];
  for (const known of b.legs) {
    const now = latest(client, known.brokerId, seen);
    if (now && legs.every((leg) => leg.brokerId !== now.brokerId)) {
      legs.push({ ...now, role: known.role });
    }
  }
  beside(legs);
  const ext = b.legs
    .filter((known) => isLive(known) && seen.every((o) => o.brokerId !== known.brokerId))
    .map((known) => ["missing", known.brokerId]);
  return { legs, how: "unchanged", progress: { tag: "confirmed" }, memo: b.memo, ext };
}

/**
 * One page of orders, oldest first. Alpaca pages orders by time, so the next page starts just before
 * the last order of this one and repeats it.
 */
export function orders(client, openOnly, since, cursor) {
  const asOf = time.wire(client.host.now());
  const after = cursor ?? (since === null ? null : time.justBefore(time.read(since)));
  const path = `/v2/orders?status=${openOnly ? "open" : "all"}&nested=true&direction=asc`
    + `&limit=${ORDER_PAGE}${after === null ? "" : `&after=${escapeUrl(after)}`}`;
  const tops = client.get(path, (answer) => list(answer, readOrder));
  const count = tops.reduce((sum, top) => sum + 1 + (top.legs?.length ?? 0), 0);
  const full = count >= ORDER_PAGE;
  const last = full ? time.parse(tops.at(-1)?.submittedAt) : null;
  const next = last === null ? null : time.justBefore(last);
  return { orders: page(tops), next: next === after ? null : next, complete: !full, asOf };
}

/** One page of fills, oldest first. */
export function fills(client, since, cursor) {
  const after = escapeUrl(time.justBefore(time.read(since)));
  const token = cursor === null ? "" : `&page_token=${escapeUrl(cursor)}`;
  const path = `/v2/account/activities/FILL?direction=asc&page_size=${FILL_PAGE}&after=${after}`;
  const read = client.get(path + token, (answer) => list(answer, fill));
  const full = read.length >= FILL_PAGE;
  return { fills: read, next: full ? read.at(-1).fillId : null, complete: !full };
}

/** A fill that cannot be read must not be skipped: the page fails. */
function fill(activity) {
  const id = needText(object(activity), "id");
  const need = (value, field) => {
    if (value !== null) return value;
    throw new Unreadable(`fill ${id}: ${field} \`${activity[field]}\``);
  };
  return {
    fillId: id,
    brokerId: needText(activity, "order_id"),
    clientId: null,
    symbol: needText(activity, "symbol"),
    side: need(side(activity.side), "side"),
    qty: needNumber(activity, "qty").wire(),
    price: needNumber(activity, "price").wire(),
    fee: null,
    at: time.wire(need(time.parse(activity.transaction_time), "transaction_time")),
  };
}

function byId(client, id) {
  return client.find(`/v2/orders/${escapeUrl(id)}?nested=true`, readOrder);
}

function byClientId(client, id) {
  const path = `/v2/orders:by_client_order_id?client_order_id=${escapeUrl(id)}`;
  const found = client.find(path, readOrder);
  // This look-up shows no children.
  const hasFamily = found && ["bracket", "oco", "oto"].includes(found.orderClass);
  return hasFamily && found.legs === null ? byId(client, found.id) : found;
}

/**
 * An exit of a bracket, read alone, does not show whether its entry has filled: its symbol's orders
 * do.
 */
function inFamily(client, lone) {
  const path = `/v2/orders?status=all&nested=true&direction=desc&limit=${ORDER_PAGE}`
    + `&symbols=${escapeUrl(lone.symbol)}`;
  const tops = client.get(path, (answer) => list(answer, readOrder));
  const found = page(tops).find((one) => one.brokerId === lone.brokerId);
  return found ? [found] : null;
}

function latest(client, brokerId, seen) {
  let id = brokerId;
  for (let hops = 0; hops < LONGEST_CHAIN; hops += 1) {
    if (!seen.some((one) => one.brokerId === id)) {
      const found = byId(client, id);
      if (!found) return null;
      seen.push(...family(found));
    }
    const now = seen.find((one) => one.brokerId === id);
    if (!now) return null;
    if (now.state !== "replaced" || now.replacedBy === null) return legOf(now);
    id = now.replacedBy;
  }
  return null;
}

/** A stop of a bracket rests behind its target once that is live. */
function beside(legs) {
  if (!legs.some((leg) => leg.role === "take-profit" && stands(leg.state))) return;
  for (const leg of legs) {
    const waits = leg.role === "stop-loss" && leg.link === "bracket" && leg.state === "contingent";
    if (waits) leg.state = "held";
  }
}
