// From Alpaca's nested orders to flat ones with roles, links and honest states. Apart because what
// `held` means depends on the whole family. It must never call an exit of an unfilled entry
// protection.

import { Dec, wireOf } from "./sdk/decimal.js";
import * as time from "./sdk/time.js";
import { isOver, kind, link, orderState, side, stands, tif } from "./status.js";

/** The order, then its children, as the ABI's orders. */
export function family(top) {
  const children = top.legs ?? [];
  if (children.length === 0) {
    // An exit pair of an existing position has no entry to wait for.
    return [flat(top, "single", top.orderClass === "oco" ? "sibling" : "top", null)];
  }
  const rank = children[0].side === top.side ? "exit-parent" : "entry";
  const placed = children.map((child) =>
    flat(child, "child", childPlace(top, rank, child, children), top));
  return [flat(top, rank, "top", null), ...placed];
}

/**
 * Every order of a page, children after their parent. A pair whose entry is no longer listed is
 * recognized by its shared group. An order of several options at once (`mleg`) names no symbol and
 * no side, and is none of those that are made here: it is left out.
 */
export function page(tops) {
  const orders = tops.filter((top) => top.symbol).flatMap(family);
  const targets = orders.filter((o) => o.role === "take-profit" && stands(o.state));
  const liveGroups = new Set(targets.map((o) => o.groupId).filter((group) => group !== null));
  for (const one of orders) {
    const orphan = one.parentId === null && one.link === "bracket" && one.role === "stop-loss";
    if (orphan && one.rawState === "held" && liveGroups.has(one.groupId)) one.state = "held";
  }
  return orders;
}

/** An exit order as a bracket's leg. */
export function leg(order) {
  return {
    role: order.role,
    brokerId: order.brokerId,
    clientId: order.clientId,
    groupId: order.groupId,
    link: order.link,
    state: order.state,
    price: order.limitPrice,
    stopPrice: order.stopPrice,
    qty: order.qty,
    filledQty: order.filledQty,
  };
}

/** Whether this leg can still trade or block quantity. */
export const isLive = (one) => !isOver(one.state);

function childPlace(top, rank, child, children) {
  if (rank === "entry" && top.status !== "filled") return "waiting";
  if (rank === "entry") {
    const beside = children.some((o) => o.id !== child.id && stands(orderState(o.status, "top")));
    return beside ? "sibling" : "top";
  }
  return top.status === "held" ? "waiting" : "sibling";
}

function flat(order, rank, place, parent) {
  const plain = order.orderClass === "" || order.orderClass === "simple";
  const orderClass = plain && parent ? parent.orderClass : order.orderClass;
  const head = parent ?? (rank === "single" ? null : order);
  const links = link(orderClass);
  const updated = order.updatedAt ?? order.submittedAt ?? order.createdAt;
  const submitted = time.parse(order.submittedAt);
  return {
    brokerId: order.id,
    clientId: order.clientOrderId,
    groupId: order.groupId ?? head?.groupId ?? head?.id ?? null,
    parentId: parent?.id ?? null,
    replaces: order.replaces,
    replacedBy: order.replacedBy,
    role: role(order, rank, orderClass),
    link: links,
    symbol: order.symbol ?? "",
    side: side(order.side) ?? "sell",
    kind: kind(order.type),
    tif: tif(order.timeInForce),
    state: orderState(order.status, place),
    rawState: order.status,
    // What was ordered for an amount of money names no quantity: what filled is what is known.
    qty: wireOf(order.qty ?? order.filledQty ?? "0"),
    filledQty: wireOf(order.filledQty ?? "0"),
    avgPrice: order.filledAvgPrice && Dec.parse(order.filledAvgPrice).rounded(MEAN_SCALE).wire(),
    limitPrice: order.limitPrice && wireOf(order.limitPrice),
    stopPrice: order.stopPrice && wireOf(order.stopPrice),
    reject: null,
    submittedAt: submitted === null ? null : time.wire(submitted),
    updatedAt: time.wire(time.parse(updated) ?? 0),
    ext: links === "other" ? [["class", orderClass]] : [],
  };
}

/** Decimals that are kept of a mean price: it is a quotient, and the host takes at most twelve. */
export const MEAN_SCALE = 9;

const ROLES = { entry: "entry", take_profit: "take-profit", stop_loss: "stop-loss" };

function role(order, rank, orderClass) {
  if (Object.hasOwn(ROLES, order.groupRole ?? "")) return ROLES[order.groupRole];
  const stops = order.type?.includes("stop") ?? false;
  const intent = order.positionIntent ?? "";
  if (rank === "entry") return "entry";
  if (rank === "exit-parent") return "take-profit";
  if (rank === "child") return stops ? "stop-loss" : "take-profit";
  if (intent.endsWith("_to_open")) return "entry";
  const exit = orderClass === "oco" || orderClass === "bracket" || intent.endsWith("_to_close");
  if (exit && stops) return "stop-loss";
  // Outside a pair a limit could as well be a plain close, or the entry itself.
  return exit && orderClass === "oco" ? "take-profit" : "other";
}
