import assert from 'node:assert/strict';
import test from 'node:test';
import {
  type Entry,
  STATE_ASSIGNED,
  STATE_QUEUED,
  STATE_RESOLVED,
} from '../../shared/gen/posthouse.ts';
import { applyEntry, blankRow, previewOf } from '../state/rows.ts';

const visitor = { visitor: 'aa', name: '' };
const agent = { agent: 7, name: 'Chen' };
const at = (atMs: number, author: Entry['author'], body: Partial<Entry>): Entry => ({
  conversation: 'c1',
  key: 'k',
  author,
  atMs,
  clockUnset: false,
  ...body,
});
const run = (...entries: Entry[]) => entries.reduce(applyEntry, blankRow('c1'));

test('a visitor waits from the first unanswered message until the answer', () => {
  const asked = [
    at(1, visitor, { opened: { inbox: 1, team: 2, visitor: 'aa' } }),
    at(2, visitor, { message: { text: 'hello' } }),
    at(9, visitor, { message: { text: 'anybody?' } }),
  ];
  const waiting = run(...asked);
  assert.equal(waiting.waitingSinceMs, 2);
  assert.equal(waiting.awaitsAgent, true);
  assert.equal(waiting.preview, 'anybody?');
  const answered = run(...asked, at(10, agent, { message: { text: 'yes' } }));
  assert.equal(answered.waitingSinceMs, 0);
  assert.equal(answered.awaitsAgent, false);
});

test('life goes from the queue to an agent, to done and back', () => {
  const queued = run(at(1, visitor, { queued: { team: 2, reason: 1 } }));
  assert.deepEqual([queued.state, queued.team, queued.queuedMs], [STATE_QUEUED, 2, 1]);
  const given = applyEntry(
    queued,
    at(
      2,
      { system: true, name: '' },
      { assigned: { agent: 7, name: 'Chen', avatar: '', team: 2 } },
    ),
  );
  assert.deepEqual([given.state, given.agent], [STATE_ASSIGNED, 7]);
  const done = applyEntry(given, at(3, agent, { resolved: {} }));
  assert.deepEqual([done.state, done.waitingSinceMs], [STATE_RESOLVED, 0]);
});

test('an older message that is read again does not replace the newer preview', () => {
  const newer = run(at(20, visitor, { message: { text: 'new' } }));
  assert.equal(applyEntry(newer, at(10, visitor, { message: { text: 'old' } })).preview, 'new');
});

test('a preview is one line, and a file is its name', () => {
  assert.equal(previewOf({ text: ' a\n\n b ' }), ' a b ');
  const attachment = { blob: 'b', name: 'list.pdf', mediaType: '', size: 1, width: 0, height: 0 };
  assert.equal(previewOf({ attachment }), 'list.pdf');
});
