// The next safe step from what rests to what is wanted. Apart because it is the plugin's whole
// judgement, pure and tested as a table. It must never plan two writes, and never take protection
// away where a change in place will do.

import { Dec, NotDecimal } from "./sdk/decimal.js";
import { invalid } from "./sdk/fault.js";
import { isLive } from "./orders.js";

/**
 * The one step to take: `nothing` (it is as wanted, or may not be touched), `wait` for order `id`,
 * `create` these exits, `patch` one leg where it stands (`more`: the other needs a change too, in
 * the next call), or `cancel` order `id` and with it its linked sibling.
 */
export function plan(bracket, target, stop) {
  const legs = bracket.legs.filter(isLive);
  // A leg of an entry that is not completely filled is left alone; what is on its way is waited for.
  for (const leg of legs) {
    if (leg.state === "contingent") return { step: "nothing" };
    if (leg.state === "pending-cancel" || leg.state === "pending-replace") {
      return { step: "wait", id: leg.brokerId };
    }
    if (leg.role !== "take-profit" && leg.role !== "stop-loss") {
      throw invalid("LEG_ROLE", `leg ${leg.brokerId} is no exit`);
    }
  }
  const targets = legs.filter((leg) => leg.role === "take-profit").map(read);
  const stops = legs.filter((leg) => leg.role === "stop-loss").map(read);
  // Two live legs of one role: something went wrong before; end one, keep the other.
  const extra = targets[1] ?? stops[1];
  if (extra) return cancel(extra);
  const [liveTarget, liveStop] = [targets[0], stops[0]];
  const protect = number(bracket.protectQty);
  const wanted = protect.isZero
    ? { target: null, stop: null }
    : { target: want(target, liveTarget), stop: want(stop, liveStop) };
  if (liveTarget && liveStop) return pair(liveTarget, liveStop, wanted, protect);
  if (liveTarget) return lone(liveTarget, wanted.target, wanted.stop, protect);
  if (liveStop) return lone(liveStop, wanted.stop, wanted.target, protect);
  return wanted.target || wanted.stop ? { step: "create", exits: wanted } : { step: "nothing" };
}

/** A decimal of the host; `invalid` when it is none, or has more digits than reach this engine. */
export function number(wire) {
  try {
    return Dec.read(wire);
  } catch (error) {
    if (error instanceof NotDecimal) throw invalid("DECIMAL", error.message);
    throw error;
  }
}

function pair(target, stop, wanted, protect) {
  const [one, other] = [target.leg.groupId, stop.leg.groupId];
  const linked = one !== null && other !== null
    ? one === other
    : stop.leg.link === "oco" || stop.leg.link === "bracket";
  if (!wanted.target || !wanted.stop) {
    // Unlinked, the leg that goes is not the leg that stays.
    return cancel(wanted.target && !linked ? stop : target);
  }
  // The broker shrinks the stop after the target's partial fill, and news of the two come apart: the
  // pair covers the quantity as soon as one of them says so.
  const covers = target.rest.equals(protect) || stop.rest.equals(protect);
  if (!linked || !covers) return cancel(target);
  const [movesTarget, movesStop] = [!wanted.target.equals(target.price), !wanted.stop.equals(stop.price)];
  if (movesStop) return patch(stop, wanted.stop, null, movesTarget);
  return movesTarget ? patch(target, wanted.target, null, false) : { step: "nothing" };
}

/** One leg rests: it stays where it alone is wanted, and goes where a pair or the other is. */
function lone(live, own, other, protect) {
  if (!own || other) return cancel(live);
  const price = own.equals(live.price) ? null : own;
  const resized = !live.rest.equals(protect);
  if (!price && !resized) return { step: "nothing" };
  // Exits of an OTO cannot be replaced; a partly filled or fractional order cannot be resized safely.
  const inPlace = live.leg.link !== "oto" && live.rest.isWhole;
  const resizable = live.leg.link === "alone" && live.filled.isZero && protect.isWhole;
  if (!inPlace || (resized && !resizable)) return cancel(live);
  return patch(live, price, resized ? protect : null, false);
}

const patch = (live, price, qty, more) => ({ step: "patch", leg: live.leg, price, qty, more });
const cancel = (live) => ({ step: "cancel", id: live.leg.brokerId });

function want(target, live) {
  if (target.tag === "keep") return live?.price ?? null;
  return target.tag === "clear" ? null : number(target.val);
}

function read(leg) {
  const own = leg.role === "stop-loss" ? leg.stopPrice : leg.price;
  const filled = number(leg.filledQty);
  return { leg, price: own && number(own), filled, rest: number(leg.qty).minus(filled) };
}
