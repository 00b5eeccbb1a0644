// `adjust-*`: takes the planned step and tells what rests now. Apart from the plan because this half
// talks to the broker. It must never report a change the answer does not show.

import { Dec } from "./sdk/decimal.js";
import { notSupported } from "./sdk/fault.js";
import { escapeUrl } from "./sdk/text.js";
import { family, isLive, leg as legOf } from "./orders.js";
import { number, plan } from "./plan.js";
import { isNotChanged } from "./refusal.js";
import { isOver, opposite, rests, stands, tifWord } from "./status.js";
import { order as readOrder } from "./wire.js";

/** Brings the bracket one step nearer to the targets and its quantity. */
export function adjust(client, ctx, bracket, target, stop) {
  checkNumbers(bracket);
  const step = plan(bracket, target, stop);
  switch (step.step) {
    case "nothing":
      return unchanged(bracket, { tag: "confirmed" });
    case "wait":
      return unchanged(bracket, { tag: "waiting-for", val: step.id });
    case "create":
      return create(client, ctx, bracket, step.exits);
    case "patch":
      return replace(client, ctx, bracket, step);
    case "cancel":
      return cancel(client, bracket, step.id);
    default:
      throw new Error(`no such step: ${step.step}`);
  }
}

/** Legs go back to the host as they came, so every number of them must have come whole. */
function checkNumbers(bracket) {
  for (const leg of bracket.legs) {
    [leg.qty, leg.filledQty, leg.price, leg.stopPrice].filter((one) => one !== null).forEach(number);
  }
}

function create(client, ctx, bracket, exits) {
  const body = exitBody(ctx, bracket, exits);
  const lookup = [{ tag: "client", val: ctx.clientId }];
  const answer = naming(bracket, exits, [], () =>
    client.write("POST", "/v2/orders", body, lookup, readOrder));
  const legs = family(answer).map(legOf);
  // A single exit does not say in the answer which one it is; the request does.
  if (legs.length === 1 && !(exits.target && exits.stop)) {
    legs[0].role = exits.stop ? "stop-loss" : "take-profit";
  }
  const qty = number(bracket.protectQty);
  const ext = [
    ...differs(legs, "take-profit", "limit_price", exits.target, (leg) => leg.price),
    ...differs(legs, "stop-loss", "stop_price", exits.stop, (leg) => leg.stopPrice),
    ...legs.flatMap(({ role }) => differs(legs, role, "qty", qty, (leg) => leg.qty)),
  ];
  return { legs, how: "new-leg", progress: resting(legs), memo: bracket.memo, ext };
}

function replace(client, ctx, bracket, change) {
  const old = change.leg;
  const isStop = old.role === "stop-loss";
  const field = isStop ? "stop_price" : "limit_price";
  const body = { client_order_id: ctx.clientId };
  if (change.price) body[field] = String(change.price);
  if (change.qty) body.qty = String(change.qty);
  const lookup = [{ tag: "client", val: ctx.clientId }, { tag: "broker", val: old.brokerId }];
  const path = `/v2/orders/${escapeUrl(old.brokerId)}`;
  let answer;
  try {
    answer = client.write("PATCH", path, body, lookup, readOrder);
  } catch (fault) {
    if (isNotChanged(fault)) return asAsked(bracket, change);
    const target = liveLegs(bracket).find((leg) => leg.role === "take-profit")?.price ?? null;
    const exits = { target: target && number(target), stop: isStop ? change.price : null };
    throw againstMarket(fault, bracket, exits);
  }
  const now = successor(answer, old, bracket);
  const ext = [
    ...differs([now], old.role, field, change.price, (leg) => (isStop ? leg.stopPrice : leg.price)),
    ...differs([now], old.role, "qty", change.qty, (leg) => leg.qty),
  ];
  const legs = liveLegs(bracket).map((leg) => (leg.brokerId === old.brokerId ? now : leg));
  const progress = change.more ? { tag: "accepted" } : resting([now]);
  return { legs, how: "replaced-in-place", progress, memo: bracket.memo, ext };
}

function cancel(client, bracket, id) {
  client.cancel(id);
  const legs = liveLegs(bracket);
  const gone = legs.find((leg) => leg.brokerId === id);
  const isSibling = (leg) =>
    gone.link !== "alone" && leg.groupId === gone.groupId && leg.link === gone.link;
  return {
    legs: legs.map((leg) =>
      leg.brokerId === id || isSibling(leg) ? { ...leg, state: "pending-cancel" } : leg),
    how: "cancel-requested",
    progress: { tag: "waiting-for", val: id },
    memo: bracket.memo,
    ext: [],
  };
}

/**
 * The new order of a replaced leg. The answer shows it without its family, so role, link and group
 * are the old leg's, and `held` is read beside the sibling.
 */
function successor(answer, old, bracket) {
  const now = legOf(family(answer).find((order) => order.brokerId === answer.id));
  const others = liveLegs(bracket).filter((leg) => leg.brokerId !== old.brokerId);
  const beside = old.state === "held" || others.some((leg) => stands(leg.state));
  const state = answer.status === "held" && beside ? "held" : now.state;
  return { ...now, state, role: old.role, link: old.link, groupId: old.groupId ?? now.groupId };
}

function exitBody(ctx, bracket, exits) {
  const side = opposite(bracket.entrySide);
  const tif = tifWord(bracket.tif);
  if (!tif) throw notSupported(`time in force ${bracket.tif}`);
  const body = {
    symbol: bracket.instrument.brokerSymbol,
    qty: String(number(bracket.protectQty)),
    side,
    time_in_force: tif,
    client_order_id: ctx.clientId,
  };
  if (exits.target && exits.stop) {
    body.type = "limit";
    body.order_class = "oco";
    body.take_profit = { limit_price: String(exits.target) };
    body.stop_loss = { stop_price: String(exits.stop) };
    return body;
  }
  // The intent makes the broker refuse an order that would open something.
  body.position_intent = `${side}_to_close`;
  body.type = exits.stop ? "stop" : "limit";
  body[exits.stop ? "stop_price" : "limit_price"] = String(exits.stop ?? exits.target);
  return body;
}

/** What a broker silently dropped or moved is named, leg by leg. */
function differs(legs, role, field, asked, of) {
  if (!asked) return [];
  const leg = legs.find((one) => one.role === role);
  const wire = leg && of(leg);
  const found = wire ? readBack(wire) : null;
  if (asked.equals(found)) return [];
  return [["mismatch", `${role} ${field}: asked ${asked}, got ${found ?? "none"}`]];
}

/** What `wire` wrote; a widened half is read whole. */
function readBack({ hi, lo, scale }) {
  return new Dec((BigInt(hi) << 64n) | BigInt(lo), scale);
}

function resting(legs) {
  const done = (leg) => rests(leg.state) || leg.state === "held" || isOver(leg.state);
  return { tag: legs.length > 0 && legs.every(done) ? "confirmed" : "accepted" };
}

const liveLegs = (bracket) => bracket.legs.filter(isLive);

function unchanged(bracket, progress) {
  return { legs: liveLegs(bracket), how: "unchanged", progress, memo: bracket.memo, ext: [] };
}

/** The broker says the leg is as asked: then the host's picture of it was old. */
function asAsked(bracket, change) {
  const answer = unchanged(bracket, { tag: change.more ? "accepted" : "confirmed" });
  const field = change.leg.role === "stop-loss" ? "stopPrice" : "price";
  answer.legs = answer.legs.map((leg) => {
    if (leg.brokerId !== change.leg.brokerId) return leg;
    const price = change.price?.wire() ?? leg[field];
    return { ...leg, [field]: price, qty: change.qty?.wire() ?? leg.qty };
  });
  return answer;
}

/**
 * A stop with a sibling is refused by the words for a wrong order of prices where the market has
 * reached it, too: the base price of a pair is the market's ("Orders at Alpaca", threshold on stop
 * price). Where stop and target are in order, it was the market.
 */
function againstMarket(fault, bracket, { target, stop }) {
  if (fault?.tag !== "rejected" || !stop) return fault;
  const isBelow = target && stop.minus(target).isNegative;
  const isAbove = target && target.minus(stop).isNegative;
  const inOrder = !target || (bracket.entrySide === "buy" ? isBelow : isAbove);
  const namesStop = fault.val.message.toLowerCase().includes("stop_loss.stop_price");
  if (fault.val.code === "PRICE_GEOMETRY" && namesStop && inOrder) {
    fault.val.code = "STOP_THROUGH_MARKET";
  }
  return fault;
}

/** Names what still rests after a refusal. */
function naming(bracket, exits, legsNow, call) {
  try {
    return call();
  } catch (fault) {
    if (fault?.tag === "rejected") fault.val.legsNow = legsNow;
    throw againstMarket(fault, bracket, exits);
  }
}
