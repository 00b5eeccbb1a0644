// One request to Alpaca and its judged answer. Apart because headers, statuses and unreadable bodies
// are treated the same everywhere. It must never send twice.

import { NotDecimal } from "./sdk/decimal.js";
import { READ, detail, ofTransport, unclear, write } from "./sdk/fault.js";
import { decode, encode, escapeUrl, parseDigits } from "./sdk/text.js";
import { judge } from "./refusal.js";
import { Rounded, Unreadable } from "./wire.js";

// Header values the host replaces; the key itself never comes in here.
const KEY_ID = "{{secret:key_id}}";
const SECRET_KEY = "{{secret:secret_key}}";

/** An account's settings and its way out: `host.send(request)` and `host.now()` in microseconds. */
export class Client {
  constructor(config, host) {
    this.config = config;
    this.host = host;
  }

  /** GETs from the trading API; `read` makes a value of the parsed answer. */
  get(path, read) {
    return this.#read(this.config.trading + path, read);
  }

  /** GETs from the data API. */
  getData(path, read) {
    return this.#read(this.config.data + path, read);
  }

  /** GETs one thing that may not exist: then null. */
  find(path, read) {
    try {
      return this.get(path, read);
    } catch (fault) {
      if (fault?.tag === "not-found") return null;
      throw fault;
    }
  }

  /** Sends one write; in doubt with `lookup` when the answer is missing or unreadable. */
  write(method, path, body, lookup, read) {
    const purpose = write(lookup);
    const response = this.#send(method, this.config.trading + path, body, purpose);
    return parse(response, purpose, read);
  }

  /** Asks for a cancel. */
  cancel(brokerId) {
    const url = `${this.config.trading}/v2/orders/${escapeUrl(brokerId)}`;
    const purpose = write([{ tag: "broker", val: brokerId }]);
    const response = this.#send("DELETE", url, null, purpose);
    // Alpaca answers 204 with nothing in it; anything else is somebody else's word.
    if (response.body.length === 0) return;
    const more = { httpStatus: response.status };
    throw unclear(detail("UNREADABLE_ANSWER", "a cancel was answered with a body", more), purpose);
  }

  #read(url, read) {
    return parse(this.#send("GET", url, null, READ), READ, read);
  }

  #send(method, url, body, purpose) {
    const headers = [["APCA-API-KEY-ID", KEY_ID], ["APCA-API-SECRET-KEY", SECRET_KEY]];
    if (body) headers.push(["Content-Type", "application/json"]);
    const request = {
      method,
      url,
      headers,
      body: body && encode(JSON.stringify(body)),
      effect: purpose.isWrite ? "write" : "read",
      timeoutMs: null,
    };
    const response = this.#exchange(request, purpose);
    if (response.status >= 200 && response.status < 300) return response;
    throw judge(response, this.host.now(), purpose);
  }

  #exchange(request, purpose) {
    try {
      return this.host.send(request);
    } catch (error) {
      // The host's own word comes as an error's payload; anything else that is thrown is a bug.
      const fault = error?.payload;
      if (fault?.why && fault?.sent) throw ofTransport(fault, purpose);
      throw error;
    }
  }
}

function parse(response, purpose, read) {
  try {
    return readJson(decode(response.body), read);
  } catch (error) {
    const broken = BROKEN.some((kind) => error instanceof kind);
    if (!broken) throw error;
    const about = detail("UNREADABLE_ANSWER", error.message, { httpStatus: response.status });
    throw unclear(about, purpose);
  }
}

const BROKEN = [SyntaxError, URIError, NotDecimal, Unreadable];

/** Reads an answer, by its digits where a decimal came as a number. */
function readJson(json, read) {
  try {
    return read(JSON.parse(json));
  } catch (error) {
    if (!(error instanceof Rounded)) throw error;
    return read(parseDigits(json));
  }
}
