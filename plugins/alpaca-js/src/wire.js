// Alpaca's JSON, checked field by field as it comes. Apart because the broker's words are kept until
// they are judged. It must never fail on a field or a word it does not know, and never take one of
// another type for the one it asks for.

import { Dec } from "./sdk/decimal.js";

/** An answer that is not what Alpaca documents. */
export class Unreadable extends Error {}

/** A decimal came as a JSON number, hence through a float: read the answer by its digits. */
export class Rounded extends Error {}

/** A text; null where it is absent, null or empty. */
export function text(object, field) {
  const value = object[field];
  if (value === undefined || value === null || value === "") return null;
  if (typeof value !== "string") throw new Unreadable(`\`${field}\` is no text`);
  return value;
}

/** A text that must be there. */
export function needText(object, field) {
  const value = text(object, field);
  if (value === null) throw new Unreadable(`\`${field}\` is missing`);
  return value;
}

/** The digits of a decimal, or null. */
export function digits(object, field) {
  if (typeof object[field] === "number") throw new Rounded(`\`${field}\` is a number`);
  return text(object, field);
}

/** A decimal, or null. */
export function number(object, field) {
  const value = digits(object, field);
  return value === null ? null : Dec.parse(value);
}

/** A decimal that must be there. */
export function needNumber(object, field) {
  const value = number(object, field);
  if (value === null) throw new Unreadable(`\`${field}\` is missing`);
  return value;
}

/** A list of checked things. */
export function list(value, read) {
  if (!Array.isArray(value)) throw new Unreadable("the answer is no list");
  return value.map(read);
}

/** An object of checked things by name; none where it is null. */
export function entries(value, read) {
  if (value === null || value === undefined) return [];
  return Object.entries(object(value)).map(([name, one]) => [name, read(one)]);
}

/** Something with fields. */
export function object(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Unreadable("the answer is no object");
  }
  return value;
}

/**
 * An order, its decimals as digits; `legs` is null but in nested answers. Only what is used is read:
 * a page holds a hundred of them, and each field costs.
 */
export function order(value) {
  object(value);
  return {
    id: needText(value, "id"),
    status: needText(value, "status"),
    clientOrderId: text(value, "client_order_id"),
    symbol: text(value, "symbol"),
    side: text(value, "side"),
    type: text(value, "type"),
    orderClass: text(value, "order_class") ?? "",
    timeInForce: text(value, "time_in_force"),
    qty: digits(value, "qty"),
    filledQty: digits(value, "filled_qty"),
    filledAvgPrice: digits(value, "filled_avg_price"),
    limitPrice: digits(value, "limit_price"),
    stopPrice: digits(value, "stop_price"),
    replacedBy: text(value, "replaced_by"),
    replaces: text(value, "replaces"),
    groupId: text(value, "group_id"),
    groupRole: text(value, "group_role"),
    positionIntent: text(value, "position_intent"),
    legs: value.legs ? list(value.legs, order) : null,
    submittedAt: text(value, "submitted_at"),
    updatedAt: text(value, "updated_at"),
    createdAt: text(value, "created_at"),
  };
}
