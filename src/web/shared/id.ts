// Ids and names of feeds as the browser uses them: hexadecimal text of sixteen bytes, and `kind/id`.
import { fromHex, toHex } from './codec.ts';
import {
  FEED_KIND_FULL,
  FEED_KIND_INBOX,
  FEED_KIND_PUBLIC,
  FEED_KIND_ROSTER,
  FEED_KIND_SITE,
  FEED_KIND_TEAM,
  type Feed,
} from './gen/posthouse.ts';

/** A feed's name as a key: "1/<conversation>", "3/<agent>", "5/". */
export type FeedName = string;

/** Sixteen random bytes: a conversation's id. */
export function randomId(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(16)));
}

let lastKey = '';

/** A message key, UUIDv7 (RFC 9562, section 5.7); keys of one page rise strictly. */
export function newKey(now: number = Date.now()): string {
  const bytes = fromHex(Math.floor(now).toString(16).padStart(12, '0') + randomId().slice(12));
  bytes[6] = (bytes[6]! & 15) | 0x70;
  bytes[8] = (bytes[8]! & 63) | 0x80;
  const key = toHex(bytes);
  // Two keys of one millisecond, or a clock that was set back: continue after the last key.
  return (lastKey = key > lastKey ? key : newKey(parseInt(lastKey.slice(0, 12), 16) + 1));
}

export const publicFeed = (conversation: string): FeedName => `${FEED_KIND_PUBLIC}/${conversation}`;
export const fullFeed = (conversation: string): FeedName => `${FEED_KIND_FULL}/${conversation}`;
export const inboxFeed = (agent: number): FeedName => `${FEED_KIND_INBOX}/${agent}`;
export const teamFeed = (team: number): FeedName => `${FEED_KIND_TEAM}/${team}`;
export const rosterFeed: FeedName = `${FEED_KIND_ROSTER}/`;
export const siteFeed: FeedName = `${FEED_KIND_SITE}/`;

/** The wire's form of a feed's name. */
export function toFeed(name: FeedName): Feed {
  const [kind, rest = ''] = name.split('/');
  const wide = rest.length === 32;
  return { kind: Number(kind), id: wide ? rest : '', number: wide ? 0 : Number(rest) };
}

/** The name of a feed of the wire. */
export function feedName(feed: Feed): FeedName {
  return `${feed.kind}/${feed.id || feed.number || ''}`;
}
