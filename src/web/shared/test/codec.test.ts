import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, fromHex, toHex } from '../codec.ts';
import * as proto from '../gen/posthouse.ts';
import { feedName, newKey, publicFeed, toFeed } from '../id.ts';

const ID = '0102030405060708090a0b0c0d0e0f10';

test('a submit has the bytes that protoc would write', () => {
  const bytes = encode(proto.ClientFrame, {
    submit: { conversation: ID, key: ID, command: { message: { text: 'hé' } } },
  });
  // 12: field 2, submit; 0a 10: conversation; 12 10: key; 22: command { 0a: message { 0a: text } }
  assert.equal(toHex(bytes), `122d0a10${ID}1210${ID}22070a050a0368c3a9`);
});

test('what was encoded is decoded to the same', () => {
  const frame = {
    hello: {
      client: 'test/1',
      visitorToken: 'ab'.repeat(32),
      inboxKey: 'k',
      cursors: [{ feed: { kind: 1, id: ID, number: 0 }, epoch: ID, index: 2 ** 40 + 5 }],
      language: 'zh',
    },
  };
  const frames: proto.FrameList = { client: [frame], server: [] };
  assert.deepEqual(decode(proto.FrameList, encode(proto.FrameList, frames)), frames);
});

test('repeated numbers are read packed and unpacked', () => {
  assert.deepEqual(decode(proto.AgentRow, fromHex('3a0301ac02')).teams, [1, 300]);
  const bytes = encode(proto.AgentRow, { teams: [1, 300] });
  assert.equal(toHex(bytes), '380138ac02');
  assert.deepEqual(decode(proto.AgentRow, fromHex('380138ac02')).teams, [1, 300]);
});

test('a member of a oneof keeps its default value', () => {
  const empty = decode(proto.Message, encode(proto.Message, { text: '' }));
  assert.equal(empty.text, '');
  assert.equal(empty.attachment, undefined);
  assert.deepEqual(decode(proto.Command, encode(proto.Command, { resolve: {} })), { resolve: {} });
});

test('unknown fields of every wire type are skipped', () => {
  const unknown = 'f80301' + 'fa03026869' + 'f9030000000000000000' + 'fd0300000000';
  assert.equal(decode(proto.Note, fromHex(unknown + '0a0161')).text, 'a');
});

test('truncated and endless bytes are refused', () => {
  for (const hex of [
    '0a',
    '0a05',
    '08',
    '0affffffffffffffffffff01',
    'ffffffffffffffffffffff01',
    '0b',
  ]) {
    assert.throws(() => decode(proto.Feed, fromHex(hex)), RangeError, hex);
  }
});

test('keys are UUIDv7 and rise within a millisecond', () => {
  const keys = Array.from({ length: 500 }, () => newKey(1_700_000_000_000));
  assert.deepEqual([...keys].sort(), keys);
  assert.equal(new Set(keys).size, 500);
  for (const key of keys) assert.match(key, /^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
});

test('feeds have one name each', () => {
  for (const name of [publicFeed(ID), '3/7', '5/']) assert.equal(feedName(toFeed(name)), name);
  assert.deepEqual(toFeed('4/12'), { kind: 4, id: '', number: 12 });
});
