// The component's exports. Only glue: it keeps the settings of `connect` in the instance and hands
// every call to the modules beside it. It must never decide anything.

import clock from "bracketd:broker/clock@0.9.0";
import http from "bracketd:broker/http@0.9.0";

import { adjust } from "./adjust.js";
import { Client } from "./client.js";
import { readConfig } from "./config.js";
import { describe } from "./info.js";
import * as market from "./read-market.js";
import * as orders from "./read-orders.js";
import { invalid, notSupported } from "./sdk/fault.js";
import * as time from "./sdk/time.js";
import * as trade from "./trade.js";

const HOST = { send: (request) => http.send(request), now: () => time.read(clock.now()) };
const KEEP = { tag: "keep" };

let connected = null;

function client() {
  if (!connected) throw invalid("NOT_CONNECTED", "`connect` comes first on every instance");
  return connected;
}

export const account = {
  describe,
  connect(ctx, config) {
    connected = new Client(readConfig(config), HOST);
    return market.balance(connected);
  },

  adjustSl: (ctx, b, stop) => adjust(client(), ctx, b, KEEP, stop),
  adjustTp: (ctx, b, limit) => adjust(client(), ctx, b, limit, KEEP),
  adjustTpSl: (ctx, b, limit, stop) => adjust(client(), ctx, b, limit, stop),
  submitOrder: (ctx, order) => trade.submit(client(), ctx, order),
  replaceOrder: (ctx, brokerId, change) => trade.replace(client(), ctx, brokerId, change),
  cancelOrder: (ctx, brokerId) => trade.cancel(client(), brokerId),
  confirm() {
    throw notSupported("Alpaca never asks back");
  },

  readBracket: (ctx, b) => orders.bracket(client(), b),
  getOrder: (ctx, key) => orders.order(client(), key),
  getOrders: (ctx, openOnly, since, cursor) => orders.orders(client(), openOnly, since, cursor),
  getFills: (ctx, since, cursor) => orders.fills(client(), since, cursor),
  getPositions: () => market.positions(client()),
  getPrices: (ctx, symbols) => market.prices(client(), symbols),
  getBars: (ctx, symbol, seconds, since, limit) =>
    market.bars(client(), symbol, seconds, since, limit),
  getInstrument: (ctx, symbol) => market.instrument(client(), symbol),
  getSession: () => market.session(client()),
  getBalance: () => market.balance(client()),
};
