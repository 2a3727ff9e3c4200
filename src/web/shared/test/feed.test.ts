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

test('an erased conversation leaves no word in the rows, in what is written, and in the snapshot', () => {
  const feed = new FeedState();
  const [gone, other] = ['0a'.repeat(16), '0b'.repeat(16)];
  const author = { visitor: '01'.repeat(16), name: 'Vera' };
  const say = (index: number, conversation: string, text: string) => ({
    index,
    publicIndex: index,
    entry: encode(Entry, { conversation, key: `0${index}`.repeat(16), author, message: { text } }),
  });
  const rows = [gone, other].map((id) => ({ id, preview: `of ${id}` }));
  feed.replace({ ...snapshot('aa', 0), conversations: rows as Snapshot['conversations'] });
  feed.deliver(say(1, gone, 'secret'));
  feed.deliver(say(2, other, 'stays'));
  feed.drain();
  const erased = { inbox: 1, team: 1, visitor: author.visitor };
  const entry = encode(Entry, { conversation: gone, key: '03'.repeat(16), erased });
  feed.deliver({ index: 3, publicIndex: 0, entry });
  assert.equal(feed.rows.get(1)!.entry.tombstone?.reason, 2);
  assert.equal(feed.rows.get(1)!.entry.author?.name, '');
  assert.equal(feed.rows.get(2)!.entry.message?.text, 'stays');
  assert.deepEqual(
    feed.snapshot!.conversations.map(({ id }) => id),
    [other],
  );
  const written = feed.drain().rows;
  assert.deepEqual(written.map(({ index }) => index).sort(), [1, 3]);
  for (const { raw } of written) assert.ok(!new TextDecoder().decode(raw).includes('secret'));
});
