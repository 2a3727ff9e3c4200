import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from '../codec.ts';
import { FeedState } from '../feed.ts';
import { Entry, type Delivery, type Snapshot } from '../gen/posthouse.ts';

const delivery = (index: number, text = `${index}`): Delivery => ({
  index,
  publicIndex: index,
  entry: encode(Entry, { key: `0${index}`.repeat(16), message: { text } }),
});

const snapshot = (epoch: string, index: number): Snapshot => ({
  epoch,
  index,
  tooLong: false,
  conversations: [],
  agents: [],
  teams: [],
  inboxes: [],
  marks: [],
  presence: [],
  entries: [],
});

test('what is held of one epoch is never applied in another', () => {
  const feed = new FeedState();
  feed.replace(snapshot('aa', 1));
  feed.deliver(delivery(4, 'old'));
  feed.replace(snapshot('bb', 2));
  assert.equal(feed.held.size, 0);
  feed.deliver(delivery(3));
  assert.equal(feed.index, 3);
});

test('what is held waits for the first snapshot, and for one of the same epoch', () => {
  for (const epoch of ['', 'aa']) {
    const feed = new FeedState();
    if (epoch) feed.replace(snapshot(epoch, 1));
    feed.deliver(delivery(4));
    feed.replace(snapshot('aa', 2));
    feed.deliver(delivery(3));
    assert.equal(feed.index, 4);
  }
});

const row = (index: number, entry: object) => {
  return { index, publicIndex: index, entry: { key: `${index}`, ...entry } as Entry };
};

test('a page of earlier rows does not bring back what is gone', () => {
  const feed = new FeedState();
  feed.rows.set(2, row(2, { tombstone: { reason: 1 } }));
  // Recalled while the page was on its way.
  feed.rows.set(4, row(4, { recalled: { targetKey: '3' } }));
  const page = feed.earlier([1, 2, 3].map((index) => row(index, { message: { text: 'a' } })));
  assert.deepEqual(
    page.map(({ entry }) => entry.message?.text),
    ['a', undefined, undefined],
  );
  assert.equal(feed.rows.get(1)!.entry.message?.text, 'a');
  assert.equal(feed.rows.get(2)!.entry.tombstone?.reason, 1);
  assert.equal(feed.rows.get(3)!.entry.tombstone?.reason, 1);
});

test('marks go forward within an epoch and begin anew with another', () => {
  const mark = (read: number) => ({ conversation: 'c', delivered: read, read });
  const feed = new FeedState();
  feed.replace({ ...snapshot('aa', 9), marks: [mark(5)] });
  feed.mark(mark(8));
  feed.replace({ ...snapshot('aa', 9), marks: [mark(6)] });
  assert.deepEqual(feed.marks, [mark(8)]);
  feed.replace({ ...snapshot('bb', 4), marks: [mark(3)] });
  assert.deepEqual(feed.marks, [mark(3)]);
});
