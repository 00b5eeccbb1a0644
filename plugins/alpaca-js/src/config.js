// The settings `connect` is given. Apart so that the rest never sees raw pairs. It must never hold
// a secret: the headers carry placeholders that the host fills in.

import { invalid } from "./sdk/fault.js";

// Where Alpaca serves market data for its own trading hosts, which serve none.
const ALPACA_DATA = "https://data.alpaca.markets";
const ALPACA_TRADING = ["https://paper-api.alpaca.markets", "https://api.alpaca.markets"];

/**
 * Reads `base_url`, `data_url` (the base URL unless given; Alpaca's own data host for its own
 * trading hosts) and `feed`. Other keys are the host's business.
 */
export function readConfig(pairs) {
  const given = new Map(pairs.map(([key, value]) => [key, value.trim()]));
  const base = given.get("base_url");
  if (!base) throw invalid("CONFIG", "`base_url` is missing: the trading API's address");
  const trading = address("base_url", base);
  const data = given.get("data_url")
    ? address("data_url", given.get("data_url"))
    : ALPACA_TRADING.includes(trading) ? ALPACA_DATA : trading;
  return { trading, data, feed: given.get("feed") || null };
}

function address(key, url) {
  if (!/^https?:\/\//.test(url)) {
    throw invalid("CONFIG", `\`${key}\` is no http or https address: ${url}`);
  }
  return url.replace(/\/+$/, "");
}
