// The rows of a log, whatever order pages and live entries come in.
import type { Row } from '../../shared/api.ts';

/** Rows by index, without doubles; a row that comes again takes its own place. */
export function merge(known: readonly Row[], fresh: readonly Row[]): Row[] {
  const last = known.at(-1)?.index ?? 0;
  if (fresh.every((row, at) => row.index === last + 1 + at)) return [...known, ...fresh];
  const byIndex = new Map(known.map((row) => [row.index, row]));
  for (const row of fresh) byIndex.set(row.index, row);
  return [...byIndex.values()].sort((a, b) => a.index - b.index);
}
