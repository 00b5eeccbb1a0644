// What the plugin says about itself. Apart because `describe` runs without any import. It must never
// promise what the broker does not keep.

import { VERSION } from "./version.js";

/** The plugin's card. */
export function describe() {
  return {
    name: "alpaca-js",
    version: VERSION,
    // Alpaca takes 128; its older clients 48.
    clientIdMax: 48,
    clientIdChars: "abcdefghijklmnopqrstuvwxyz0123456789-_",
    // client-id-unique-forever: the broker refuses a client order id it has ever seen, so a resend
    // cannot double.
    features: ["concurrent-writes", "client-id-unique-forever", "client-id-lookup", "batch-prices"],
    ext: [],
  };
}
