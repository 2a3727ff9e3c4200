import assert from 'node:assert/strict';
import test from 'node:test';
import type { Entry } from '../../shared/gen/posthouse.ts';
import type { Row } from '../../shared/api.ts';
import { fileSize, isPicture, itemsOf, pieces } from '../chat/items.ts';
import { merge } from '../state/merge.ts';

const DAY = 86_400_000;
const noon = new Date(2026, 10, 20, 12).getTime();
const row = (index: number, atMs: number, body: Partial<Entry>, key = `k${index}`): Row => ({
  index,
  publicIndex: index,
  entry: { conversation: 'c', key, atMs, clockUnset: false, ...body },
});
const said = (text: string, author: Entry['author']) => ({ author, message: { text } });
const visitor = { visitor: 'aa', name: '' };
const own = { agent: 7, name: 'Chen' };

test('days part the log, and close messages of one author form a block', () => {
  const rows = [
    row(1, noon, said('a', visitor)),
    row(2, noon + 1000, said('b', visitor)),
    row(3, noon + 2000, said('c', own)),
    row(4, noon + DAY, said('d', own)),
  ];
  const items = itemsOf(rows, [], 7);
  assert.deepEqual(
    items.map((item) => item.kind),
    ['day', 'said', 'said', 'said', 'day', 'said'],
  );
  const firsts = items.flatMap((item) => (item.kind === 'said' ? [item.first] : []));
  assert.deepEqual(firsts, [true, false, true, true]);
});

test('an unsent message stands last, and once its row is there it is not drawn twice', () => {
  const pending = { key: 'k9', conversation: 'c', command: { message: { text: 'x' } }, atMs: noon };
  const before = itemsOf([row(1, noon, said('a', visitor))], [pending], 7);
  assert.equal(before.at(-1)?.id, 'pk9');
  const after = itemsOf([row(1, noon, said('x', own), 'k9')], [pending], 7);
  assert.equal(after.filter((item) => item.kind === 'said').length, 1);
});

test('a tombstone has no text, and a recall itself is not drawn', () => {
  const recalled = { targetKey: 'k1', publicIndex: 1, fullIndex: 1 };
  const rows = [
    row(1, noon, { author: own, tombstone: { reason: 1 } }),
    row(2, noon, { recalled }),
  ];
  const [, gone, ...rest] = itemsOf(rows, [], 7);
  assert.equal(gone?.kind === 'said' && gone.gone && gone.message === undefined, true);
  assert.equal(rest.length, 0);
});

test('only http addresses become links, without the full stop behind them', () => {
  assert.deepEqual(pieces('see https://a.example/b?c=1. ok'), [
    { text: 'see ' },
    { text: 'https://a.example/b?c=1', href: 'https://a.example/b?c=1' },
    { text: '. ok' },
  ]);
  for (const text of ['javascript:alert(1)', 'data:text/html,x', 'http://', 'www.a.example']) {
    assert.deepEqual(pieces(text), [{ text }]);
  }
  assert.equal(pieces('看https://a.example/x，好')[1]?.href, 'https://a.example/x');
});

test('an SVG is not drawn as a picture', () => {
  assert.equal(isPicture('image/png'), true);
  assert.equal(isPicture('image/svg+xml'), false);
  assert.equal(fileSize(3_565_158), '3.4 MB');
});

test('rows are kept dense whether pages come before, after or again', () => {
  const rows = [3, 4, 5].map((index) => row(index, index, {}));
  const older = [1, 2].map((index) => row(index, index, {}));
  const changed = row(4, 4, { tombstone: { reason: 1 } });
  const all = merge(merge(merge([], rows), older), [changed, row(6, 6, {})]);
  assert.deepEqual(
    all.map((item) => item.index),
    [1, 2, 3, 4, 5, 6],
  );
  assert.ok(all[3]?.entry.tombstone);
});
