// Unread messages of the own conversations: what came after this agent last looked or answered.
import { computed, signal } from '@preact/signals';
import type { Entry } from '../../shared/gen/posthouse.ts';
import { mine } from './desk.ts';
import { remember, remembered } from './kept.ts';

/** Conversations whose last look is kept; older ones are long answered. */
const KEPT = 300;

const seenAt = signal(load());
/** Times of visitors' messages in the own inbox feed, by conversation. */
const arrived = signal(new Map<string, number[]>());

function load(): Map<string, number> {
  try {
    return new Map(JSON.parse(remembered('seen') ?? '[]') as [string, number][]);
  } catch {
    return new Map();
  }
}

/** Everything up to `atMs` of the conversation was seen. */
export function markSeen(conversation: string, atMs: number): void {
  if ((seenAt.value.get(conversation) ?? 0) >= atMs) return;
  const next = new Map(seenAt.value);
  next.delete(conversation);
  next.set(conversation, atMs);
  seenAt.value = new Map([...next].slice(-KEPT));
  remember('seen', JSON.stringify([...seenAt.value]));
}

/** Counts messages of the own inbox feed; an own answer counts as having seen what was before. */
export function countArrivals(entries: readonly Entry[], own: number): void {
  const next = new Map(arrived.value);
  for (const { conversation, message, author, atMs } of entries) {
    if (!message) continue;
    if (author?.agent === own) markSeen(conversation, atMs);
    else if (author?.visitor !== undefined) {
      const times = next.get(conversation) ?? [];
      if ((times.at(-1) ?? 0) < atMs) next.set(conversation, [...times, atMs].slice(-100));
    }
  }
  arrived.value = next;
}

/** Unread messages by conversation; one at least where the visitor has the last word unseen. */
export const unread = computed(() => {
  const counts = new Map<string, number>();
  for (const row of mine.value) {
    const seen = seenAt.value.get(row.id) ?? 0;
    const fresh = (arrived.value.get(row.id) ?? []).filter((at) => at > seen).length;
    const least = row.awaitsAgent && row.lastMs > seen ? 1 : 0;
    const count = Math.max(fresh, least);
    if (count) counts.set(row.id, count);
  }
  return counts;
});

export const unreadTotal = computed(() => [...unread.value.values()].reduce((a, b) => a + b, 0));

export function forgetArrivals(): void {
  arrived.value = new Map();
}
