// How long to wait before the next try: full jitter, so that clients of a restarted server spread out.

const BASE_MS = 500;
const MOST_MS = 30_000;

/** Milliseconds before try number `failures` + 1: uniform between 0 and the doubling ceiling. */
export function backoff(failures: number, random: () => number = Math.random): number {
  return random() * Math.min(MOST_MS, BASE_MS * 2 ** failures);
}

/** Milliseconds to wait when the server asked for `retryAfterMs`: never less, up to half more. */
export function honoured(retryAfterMs: number, random: () => number = Math.random): number {
  return retryAfterMs * (1 + random() / 2);
}
