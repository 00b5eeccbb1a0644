// Plain orders: submit, replace, cancel. Apart from `adjust`, which knows brackets. It must never let
// an order that should close open something.

import { invalid, notSupported } from "./sdk/fault.js";
import { escapeUrl } from "./sdk/text.js";
import { family } from "./orders.js";
import { number } from "./plan.js";
import { isOver, kindWord, rests, tifWord } from "./status.js";
import { order as readOrder } from "./wire.js";

/** Submits an order, with the exits it carries. */
export function submit(client, ctx, order) {
  const body = orderBody(ctx, order);
  const lookup = [{ tag: "client", val: ctx.clientId }];
  return placed(client.write("POST", "/v2/orders", body, lookup, readOrder));
}

/** Replaces an order: the answer is a new order with a new id. */
export function replace(client, ctx, brokerId, change) {
  const body = { client_order_id: ctx.clientId };
  put(body, "qty", change.qty);
  put(body, "limit_price", change.limitPrice);
  put(body, "stop_price", change.stopPrice);
  if (change.tif !== null) body.time_in_force = needTif(change.tif);
  const lookup = [{ tag: "client", val: ctx.clientId }, { tag: "broker", val: brokerId }];
  const path = `/v2/orders/${escapeUrl(brokerId)}`;
  return placed(client.write("PATCH", path, body, lookup, readOrder));
}

/** Asks for a cancel; the order may still fill. */
export function cancel(client, brokerId) {
  client.cancel(brokerId);
  return { orders: [], progress: { tag: "waiting-for", val: brokerId } };
}

function placed(answer) {
  const orders = family(answer);
  const { state } = orders[0];
  const known = rests(state) || state === "held" || isOver(state);
  return { orders, progress: { tag: known ? "confirmed" : "accepted" } };
}

function orderBody(ctx, order) {
  const type = kindWord(order.kind);
  if (!type) throw notSupported(`order kind ${order.kind}`);
  const body = {
    symbol: order.symbol,
    qty: String(number(order.qty)),
    side: order.side,
    type,
    time_in_force: needTif(order.tif),
    client_order_id: ctx.clientId,
  };
  put(body, "limit_price", order.limitPrice);
  put(body, "stop_price", order.stopPrice);
  const [target, stop] = [order.takeProfit, order.stopLoss];
  if ((target || stop) && order.reduceOnly) {
    throw invalid("REDUCE_ONLY", "an order that closes carries no exits");
  }
  if (target || stop) body.order_class = target && stop ? "bracket" : "oto";
  // The intent makes the broker refuse an order that would open something.
  if (order.reduceOnly) body.position_intent = `${order.side}_to_close`;
  if (target) body.take_profit = { limit_price: String(number(target)) };
  if (stop) body.stop_loss = { stop_price: String(number(stop)) };
  return body;
}

function needTif(ours) {
  const word = tifWord(ours);
  if (!word) throw notSupported(`time in force ${ours}`);
  return word;
}

function put(body, key, value) {
  if (value !== null) body[key] = String(number(value));
}
