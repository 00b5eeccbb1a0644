// Reads of prices, bars, instruments, sessions and money. Apart from orders because nothing here
// decides about one. It must never fill in a price nobody quoted.

import { Dec, ONE, ZERO } from "./sdk/decimal.js";
import { invalid, notSupported } from "./sdk/fault.js";
import * as time from "./sdk/time.js";
import { escapeUrl } from "./sdk/text.js";
import { MEAN_SCALE } from "./orders.js";
import { Unreadable, entries, list, needNumber, needText, number, object, text } from "./wire.js";

/**
 * Latest quotes of them all, by one request. A name with a slash is crypto: refused there, it would
 * cost the quotes of all the others.
 */
export function prices(client, symbols) {
  const names = symbols.filter((symbol) => !symbol.includes("/")).map(escapeUrl);
  if (names.length === 0) return [];
  const path = `/v2/stocks/quotes/latest?symbols=${names.join(",")}${feed(client)}`;
  return client.getData(path, (answer) => entries(object(object(answer).quotes), quote))
    .map(([symbol, one]) => ({ symbol, ...one }));
}

/** Bars of `seconds` from `since` on. */
export function bars(client, symbol, seconds, since, limit) {
  const frame = timeframe(seconds);
  if (!frame) throw notSupported(`bars of ${seconds} seconds`);
  const start = escapeUrl(time.text(time.read(since)));
  const path = `/v2/stocks/bars?symbols=${escapeUrl(symbol)}&timeframe=${frame}&start=${start}`
    + `&limit=${limit}${feed(client)}`;
  const read = client.getData(path, (answer) => {
    // Null where there are none, and never missing.
    if (object(answer).bars === undefined) throw new Unreadable("the answer has no bars");
    return entries(answer.bars, (all) => list(all, bar));
  });
  return read.find(([name]) => name === symbol)?.[1] ?? [];
}

/**
 * What a symbol trades like. Alpaca lists no tick for equities: the rule is its own (two decimals
 * from one dollar on, four below, by the order's price).
 *
 * Refused is what could not be guarded here: a name that Alpaca's orders and positions do not
 * carry, and crypto, which has no plain stop order ("Crypto Orders", Alpaca's documentation) and
 * whose positions are listed under another name than its orders (BTCUSD for BTC/USD, alpaca-py
 * issue 179).
 */
export function instrument(client, symbol) {
  if (symbol === "") throw invalid("SYMBOL_UNKNOWN", "the symbol is empty");
  return client.get(`/v2/assets/${escapeUrl(symbol)}`, (answer) => {
    const asset = object(answer);
    if (asset.class === "crypto") {
      const why = "Alpaca takes no plain stop orders for crypto; this plugin trades shares";
      throw invalid("SYMBOL_UNGUARDED", why);
    }
    const name = needText(asset, "symbol");
    if (name !== symbol) throw invalid("SYMBOL_UNKNOWN", `Alpaca calls it ${name}`);
    const tick = number(asset, "price_increment");
    // Alpaca takes parts of a share in plain day orders alone, which protect nothing overnight:
    // shares are traded whole here.
    const flags = {
      "native-oco": true,
      "native-bracket": true,
      "native-oto": true,
      "replace-in-place": true,
      "exits-reserve-qty": true,
      tradable: asset.tradable === true,
      shortable: asset.shortable === true,
    };
    const ext = ["class", "exchange"].map((field) => [field, text(asset, field)]);
    return {
      symbol,
      brokerSymbol: name,
      currency: "USD",
      bands: tick && !tick.isZero
        ? [band(ZERO, tick)]
        : [band(ZERO, new Dec(1n, 4)), band(ONE, new Dec(1n, 2))],
      qtyStep: ONE.wire(),
      minQty: ONE.wire(),
      maxQty: null,
      minNotional: null,
      multiplier: ONE.wire(),
      features: Object.keys(flags).filter((key) => flags[key]),
      ext: ext.filter(([, value]) => value !== null),
    };
  });
}

/** Whether shares trade now. */
export function session(client) {
  return client.get("/v2/clock", (answer) => {
    const isOpen = object(answer).is_open;
    if (typeof isOpen !== "boolean") throw new Unreadable("`is_open` is no boolean");
    const moment = (field) => {
      const at = time.parse(answer[field]);
      return at === null ? null : time.wire(at);
    };
    const [nextOpen, nextClose] = [moment("next_open"), moment("next_close")];
    return { isOpen, phase: isOpen ? "open" : "closed", nextOpen, nextClose };
  });
}

/** Open positions, signed. */
export function positions(client) {
  return client.get("/v2/positions", (answer) => list(answer, (one) => {
    const qty = needNumber(object(one), "qty");
    // Alpaca signs both; some of its answers show the available part of a short without a sign.
    const isShort = one.side === "short" && !qty.isNegative;
    const available = number(one, "qty_available");
    return {
      symbol: needText(one, "symbol"),
      qty: (isShort ? qty.negated() : qty).wire(),
      available: available && (available.isNegative ? available.negated() : available).wire(),
      avgPrice: needNumber(one, "avg_entry_price").rounded(MEAN_SCALE).wire(),
      mark: number(one, "current_price")?.wire() ?? null,
      ext: [],
    };
  }));
}

/** Cash, equity and buying power. */
export function balance(client) {
  return client.get("/v2/account", (answer) => {
    const account = object(answer);
    const ext = ["trading_blocked", "account_blocked"]
      .filter((flag) => account[flag] === true)
      .map((flag) => [flag, "true"]);
    const status = text(account, "status");
    if (status !== null) ext.push(["status", status]);
    return {
      cash: needNumber(account, "cash").wire(),
      equity: needNumber(account, "equity").wire(),
      buyingPower: needNumber(account, "buying_power").wire(),
      currency: text(account, "currency") ?? "USD",
      ext,
    };
  });
}

const feed = ({ config }) => (config.feed === null ? "" : `&feed=${escapeUrl(config.feed)}`);
const band = (above, tick) => ({ above: above.wire(), tick: tick.wire() });

function timeframe(seconds) {
  if (seconds === 604_800) return "1Week";
  if (seconds === 86_400) return "1Day";
  const [hours, minutes] = [seconds / 3_600, seconds / 60];
  if (Number.isInteger(hours) && hours >= 1 && hours < 24) return `${hours}Hour`;
  return Number.isInteger(minutes) && minutes >= 1 && minutes < 60 ? `${minutes}Min` : null;
}

function at(one) {
  const micros = time.parse(one.t);
  if (micros === null) throw new Unreadable(`\`${one.t}\` is no time`);
  return time.wire(micros);
}

function quote(one) {
  const side = (field) => {
    const price = number(object(one), field);
    return price && !price.isZero ? price.wire() : null;
  };
  return { bid: side("bp"), ask: side("ap"), last: null, at: at(one) };
}

function bar(one) {
  const need = (field) => needNumber(object(one), field).wire();
  const volume = number(object(one), "v");
  return {
    at: at(one),
    open: need("o"),
    high: need("h"),
    low: need("l"),
    close: need("c"),
    volume: volume && volume.wire(),
  };
}
