// Faults, and the rule that decides how a missing answer is told. Apart because every plugin needs
// the same rule. It must never call a write harmless that may have left.
//
// A fault is thrown as the ABI's own value, `{ tag, val }`; anything else that is thrown is a bug
// of the plugin and traps.

/** What a request was for: it decides what a missing or unreadable answer means. */
export const READ = { isWrite: false, lookup: [] };

/** May change something; after a lost answer these keys say whether it did. */
export const write = (lookup) => ({ isWrite: true, lookup });

/** A detail with nothing but its neutral code and a message. */
export function detail(code, message, more = {}) {
  return {
    code,
    message,
    httpStatus: null,
    brokerCode: null,
    legsNow: null,
    blocking: [],
    ext: [],
    ...more,
  };
}

/** The host's call is malformed. */
export const invalid = (code, message) => ({ tag: "invalid", val: detail(code, message) });

/** This plugin, or its broker, has no such thing. */
export const notSupported = (what) => ({ tag: "not-supported", val: what });

/** Nothing happened; the host may send again under the same op-id. */
export const retryable = (about, afterMs = null) =>
  ({ tag: "retryable", val: { detail: about, afterMs } });

/** No clear answer came: in doubt for a write, asked again for a read. */
export function unclear(about, purpose) {
  if (!purpose.isWrite) return retryable(about);
  return { tag: "unknown-outcome", val: { detail: about, lookup: purpose.lookup } };
}

const CODES = {
  denied: "DENIED",
  fenced: "FENCED",
  timeout: "TIMEOUT",
  connect: "CONNECT",
  tls: "TLS",
  "too-large": "TOO_LARGE",
  protocol: "PROTOCOL",
};

/**
 * The fault behind a request that got no answer. What provably did not leave is retryable, whatever
 * it was for; what the host refused to send is the operator's grant, not the broker.
 */
export function ofTransport(fault, purpose) {
  const about = detail(CODES[fault.why] ?? "TRANSPORT", fault.message);
  if (fault.sent !== "no") return unclear(about, purpose);
  const refused = fault.why === "denied" || fault.why === "fenced";
  return refused ? { tag: "rejected", val: about } : retryable(about);
}
