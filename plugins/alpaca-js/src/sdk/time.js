// RFC 3339 to microseconds since 1970 and back. Microseconds, because the host counts in them and a
// number holds them exactly until the year 2255; the ABI's nanoseconds it would not. It must never
// ask what time it is.

const DAY = 86_400_000_000;
const PATTERN =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** Microseconds of an RFC 3339 text; null: not one, or before 1970. Finer digits are dropped. */
export function parse(text) {
  const parts = typeof text === "string" ? PATTERN.exec(text) : null;
  if (!parts) return null;
  const days = daysOf(+parts[1], +parts[2], +parts[3]);
  const [hour, minute, second] = [+parts[4], +parts[5], +parts[6]];
  if (days === null || hour > 23 || minute > 59 || second > 60) return null;
  const offset = parts[8] ? offsetOf(parts[8], +parts[9], +parts[10]) : 0;
  if (offset === null) return null;
  const seconds = hour * 3_600 + minute * 60 + second - offset;
  const fraction = parts[7] ? Number(parts[7].padEnd(6, "0").slice(0, 6)) : 0;
  const micros = days * DAY + seconds * 1_000_000 + fraction;
  return micros < 0 ? null : micros;
}

function offsetOf(sign, hour, minute) {
  if (hour > 23 || minute > 59) return null;
  return (sign === "-" ? -1 : 1) * (hour * 3_600 + minute * 60);
}

/** One nanosecond before that microsecond, as RFC 3339 with nine decimals. */
export function justBefore(micros) {
  if (micros <= 0) return `${format(0)}.000000000Z`;
  const before = micros - 1;
  return `${format(before)}.${String(before % 1_000_000).padStart(6, "0")}999Z`;
}

/** A moment as RFC 3339 with nine decimals. */
export function text(micros) {
  return `${format(micros)}.${String(micros % 1_000_000).padStart(6, "0")}000Z`;
}

/** The ABI's nanoseconds as microseconds: what a float has taken away is less than half of one. */
export function read(nanos) {
  return Math.round(nanos / 1_000);
}

/**
 * Microseconds as the ABI's nanoseconds: the middle of the microsecond, so that the rounding of a
 * float never leaves it.
 */
export function wire(micros) {
  return micros * 1_000 + 500;
}

function format(micros) {
  const [days, second] = [Math.floor(micros / DAY), Math.floor((micros % DAY) / 1_000_000)];
  // Howard Hinnant's civil_from_days: years begin in March, so the leap day is the last.
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const ofEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096))
      / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const two = (n) => String(n).padStart(2, "0");
  const clock = [Math.floor(second / 3_600), Math.floor(second / 60) % 60, second % 60].map(two);
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T${clock.join(":")}`;
}

// Days before each month, and in it, in a year without a leap day.
const STARTS = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days since 1970, or null where there is no such day. */
function daysOf(year, month, day) {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  if (year < 1970 || month < 1 || month > 12) return null;
  if (day < 1 || day > LENGTHS[month - 1] + (month === 2 ? leap : 0)) return null;
  const before = STARTS[month - 1] + (month > 2 ? leap : 0);
  return (year - 1970) * 365 + leapsBefore(year) - leapsBefore(1970) + before + day - 1;
}

function leapsBefore(year) {
  const y = year - 1;
  return Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
}
