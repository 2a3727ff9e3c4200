import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PosthouseSession, Row, SessionEvent } from '../api.ts';
import { encode, fromHex } from '../codec.ts';
import { FrameList } from '../gen/posthouse.ts';
import { publicFeed, randomId } from '../id.ts';
import { openSession } from '../session.ts';
import { FakeServer } from './fake.ts';

const OPENING = { inboxKey: 'k' };
let scopes = 0;

async function until(true_: () => boolean, ms = 4_000): Promise<void> {
  const end = Date.now() + ms;
  while (!true_()) {
    assert.ok(Date.now() < end, 'timed out');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

interface Seen {
  session: PosthouseSession;
  events: SessionEvent[];
  rows: Map<number, Row>;
  texts: () => (string | undefined)[];
}

function open(scope: string): Seen {
  const session = openSession({
    base: 'https://desk.test',
    client: 'test/1',
    scope,
    language: 'en',
    inboxKey: 'k',
    token: () => Promise.resolve('ab'.repeat(32)),
  });
  const events: SessionEvent[] = [];
  const rows = new Map<number, Row>();
  session.listen((event) => {
    events.push(event);
    if (event.type === 'snapshot') rows.clear();
    if (event.type === 'rows') for (const row of event.rows) rows.set(row.index, row);
  });
  const texts = () =>
    [...rows.keys()].sort((a, b) => a - b).map((index) => rows.get(index)!.entry.message?.text);
  return { session, events, rows, texts };
}

function scene() {
  const server = new FakeServer();
  server.install();
  return { server, conversation: randomId(), scope: `scope ${++scopes}` };
}

const say = (text: string) => ({ message: { text } });

test('a first message opens its conversation, is acknowledged and read back', async () => {
  const { server, conversation, scope } = scene();
  const { session, texts } = open(scope);
  await session.follow(publicFeed(conversation), false);
  await session.start();
  await session.submit(conversation, say('one'), OPENING);
  await until(() => session.pending.length === 0 && texts().length === 1);
  await session.submit(conversation, say('two'), OPENING);
  await until(() => texts().length === 2);
  assert.deepEqual(texts(), ['one', 'two']);
  assert.equal(server.submits[0]!.opening?.inboxKey, 'k');
  assert.equal(server.submits[1]!.opening, undefined);
  assert.deepEqual(server.hellos[0]!.hello!.cursors, []);
  session.stop();
});

test('a message is on the screen from its storing to its row, without a gap', async () => {
  const { conversation, scope } = scene();
  const { session, rows } = open(scope);
  await session.follow(publicFeed(conversation), false);
  await session.start();
  for (const text of ['one', 'two']) {
    let key = '';
    const gaps: string[] = [];
    const end = session.listen(({ type }) => {
      const known = [...rows.values()].some(({ entry }) => entry.key === key);
      const waits = session.pending.some((item) => item.key === key);
      if (key && !known && !waits) gaps.push(type);
    });
    key = await session.submit(conversation, say(text), OPENING);
    await until(() => [...rows.values()].some(({ entry }) => entry.key === key));
    await until(() => session.pending.length === 0);
    assert.deepEqual(gaps, [], text);
    end();
  }
  session.stop();
});

test('what was written while the server is down survives a reload and arrives once', async () => {
  const { server, conversation, scope } = scene();
  server.down = true;
  const first = open(scope);
  await first.session.start();
  await first.session.submit(conversation, say('a'), OPENING);
  await first.session.submit(conversation, say('b'), OPENING);
  first.session.stop();
  server.down = false;
  const second = open(scope);
  await second.session.follow(publicFeed(conversation), false);
  await second.session.start();
  assert.equal(second.session.pending.length, 2);
  await until(() => second.session.pending.length === 0 && second.texts().length === 2);
  assert.deepEqual(second.texts(), ['a', 'b']);
  second.session.stop();
});

test('an ack that was lost is asked for again under the same key', async () => {
  const { server, conversation, scope } = scene();
  const { session, texts } = open(scope);
  await session.start();
  server.mute = true;
  const key = await session.submit(conversation, say('once'), OPENING);
  await until(() => server.submits.length === 1);
  assert.equal(session.pending.length, 1);
  server.mute = false;
  server.cut();
  await until(() => session.pending.length === 0);
  assert.deepEqual(
    server.submits.map((submit) => submit.key),
    [key, key],
  );
  assert.equal(server.entries.length, 1);
  assert.deepEqual(texts(), []);
  session.stop();
});

test('a reload resumes from the stored cursor', async () => {
  const { server, conversation, scope } = scene();
  const feed = publicFeed(conversation);
  server.conversation = conversation;
  server.append(say('old'));
  const first = open(scope);
  await first.session.follow(feed);
  await first.session.start();
  await until(() => first.texts().length === 1);
  first.session.stop();
  server.append(say('new'));
  const second = open(scope);
  await second.session.follow(feed);
  assert.deepEqual(second.texts(), ['old']);
  await second.session.start();
  await until(() => second.texts().length === 2);
  const { cursors } = server.hellos[1]!.hello!;
  assert.deepEqual(
    cursors.map(({ epoch, index }) => [epoch, index]),
    [[server.epoch, 1]],
  );
  assert.ok(!second.events.slice(3).some((e) => e.type === 'snapshot' && e.snapshot.index > 1));
  second.session.stop();
});

test('another epoch replaces what was known', async () => {
  const { server, conversation, scope } = scene();
  server.conversation = conversation;
  for (const text of ['a', 'b', 'c']) server.append(say(text));
  const seen = open(scope);
  await seen.session.follow(publicFeed(conversation));
  await seen.session.start();
  await until(() => seen.texts().length === 3);
  server.epoch = 'e1'.repeat(16);
  server.entries.length = 1;
  server.cut();
  await until(() => seen.texts().length === 1);
  seen.session.stop();
  const again = open(scope);
  await again.session.follow(publicFeed(conversation));
  assert.deepEqual(again.texts(), ['a']);
  again.session.stop();
});

test('a mark is sent in its own epoch only, and does not hold back those of the next', async () => {
  const { server, conversation, scope } = scene();
  server.conversation = conversation;
  for (const text of ['a', 'b', 'c']) server.append(say(text));
  const [old, next] = [server.epoch, 'e1'.repeat(16)];
  const seen = open(scope);
  await seen.session.follow(publicFeed(conversation));
  await seen.session.start();
  await until(() => seen.texts().length === 3);
  const told = () => server.marked.splice(0).map(({ delivered, read }) => [delivered, read]);
  seen.session.mark(conversation, old, 3, 2);
  await until(() => server.marked.length > 0);
  assert.deepEqual(told(), [[3, 2]]);
  server.cut();
  await until(() => server.marked.length > 0);
  assert.deepEqual(told(), [[3, 2]], 'sent again when the connection is back');
  // Marked, not sent yet, and the folder is put back meanwhile.
  seen.session.mark(conversation, old, 3, 3);
  server.epoch = next;
  server.entries.length = 1;
  server.cut();
  await until(() => seen.texts().length === 1);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  assert.deepEqual(told(), []);
  seen.session.mark(conversation, next, 1, 1);
  await until(() => server.marked.length > 0);
  server.append(say('new'));
  await until(() => seen.texts().length === 2);
  // Until the rows of the next epoch are on the screen, those of the old one are looked at.
  seen.session.mark(conversation, old, 3, 3);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  server.cut();
  await until(() => server.marked.length > 1);
  assert.deepEqual(told(), [
    [1, 1],
    [1, 1],
  ]);
  seen.session.stop();
});

test('a mark of another tab goes by the epoch, too', async () => {
  const { server, conversation, scope } = scene();
  server.conversation = conversation;
  server.append(say('a'));
  const queue: (() => Promise<void>)[] = [];
  const request = (_: string, __: unknown, held: () => Promise<void>) => {
    if (queue.push(held) === 1) void held();
    return new Promise(() => {});
  };
  const locks = { value: { locks: { request } }, configurable: true };
  Object.defineProperty(globalThis, 'navigator', locks);
  const [leader, other] = [open(scope), open(scope)];
  for (const { session } of [leader, other]) {
    await session.follow(publicFeed(conversation));
    await session.start();
  }
  await until(() => other.texts().length === 1);
  other.session.mark(conversation, 'e1'.repeat(16), 9, 9);
  other.session.mark(conversation, server.epoch, 1, 1);
  await until(() => server.marked.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(
    server.marked.map(({ read }) => read),
    [1],
  );
  leader.session.stop();
  other.session.stop();
});

test('marks that come while a snapshot is stored are told with it', async () => {
  const { server, conversation, scope } = scene();
  server.conversation = conversation;
  server.append(say('a'));
  const reader = { agent: 7, name: '' };
  server.marks = [{ conversation, reader, delivered: 1, read: 0 }];
  const mark = { conversation, reader, delivered: 1, read: 1 };
  server.serve = (socket, frame) => {
    FakeServer.prototype.serve.call(server, socket, frame);
    // The snapshot is in memory by then, and not in the store yet.
    setImmediate(() => socket.send1({ mark }));
  };
  const seen = open(scope);
  await seen.session.follow(publicFeed(conversation));
  await seen.session.start();
  await until(() => seen.texts().length === 1);
  const told = seen.events.flatMap((event) => {
    if (event.type === 'snapshot') return [['snapshot', event.snapshot.marks[0]!.read]];
    return event.type === 'mark' ? [['mark', event.mark.read]] : [];
  });
  assert.deepEqual(told, [
    ['mark', 1],
    ['snapshot', 1],
  ]);
  seen.session.stop();
});

test('a hole is held and pulled, what comes twice is dropped', async () => {
  const { server, conversation, scope } = scene();
  server.conversation = conversation;
  const seen = open(scope);
  const pulls: string[] = [];
  globalThis.fetch = (async (url: string) => {
    pulls.push(url);
    const server_ = [2, 3].map((index) => server.delivery(index));
    return new Response(encode(FrameList, { server: server_ }) as BodyInit);
  }) as never;
  await seen.session.follow(publicFeed(conversation));
  await seen.session.start();
  await until(() => seen.session.link.state === 'live');
  await until(() => [...server.sockets].some((socket) => socket.follows));
  server.append(say('1'));
  await until(() => seen.texts().length === 1);
  server.deliver(1);
  for (const socket of server.sockets) socket.follows = false;
  server.append(say('2'));
  for (const socket of server.sockets) socket.follows = true;
  server.append(say('3'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(seen.texts(), ['1']);
  await until(() => seen.texts().length === 3);
  assert.deepEqual(seen.texts(), ['1', '2', '3']);
  assert.match(pulls[0]!, /after=1&/);
  const told = seen.events.flatMap((e) =>
    e.type === 'rows' ? e.rows.map((row) => row.index) : [],
  );
  assert.deepEqual(told, [1, 2, 3]);
  seen.session.stop();
});

test('an answer that comes after another epoch is dropped', async () => {
  const { server, conversation, scope } = scene();
  server.conversation = conversation;
  server.append(say('1'));
  const seen = open(scope);
  const feed = publicFeed(conversation);
  const late: (() => void)[] = [];
  globalThis.fetch = (async () => {
    // Written before the change of epoch.
    const frames = [2, 3].map((index) => server.delivery(index));
    await new Promise<void>((resolve) => late.push(resolve));
    return new Response(encode(FrameList, { server: frames }) as BodyInit);
  }) as never;
  await seen.session.follow(feed);
  await seen.session.start();
  await until(() => seen.texts().length === 1);
  for (const socket of server.sockets) socket.follows = false;
  server.append(say('old 2'));
  for (const socket of server.sockets) socket.follows = true;
  server.append(say('old 3'));
  await until(() => late.length === 1);
  const page = seen.session.before(feed, 4);
  await until(() => late.length === 2);
  server.epoch = 'e1'.repeat(16);
  server.entries.length = 1;
  server.cut();
  const told = () =>
    seen.events.some((e) => e.type === 'snapshot' && e.snapshot.epoch === server.epoch);
  await until(told);
  late.forEach((answer) => answer());
  assert.deepEqual(await page, []);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(seen.texts(), ['1']);
  server.append(say('new 2'));
  await until(() => seen.texts().length === 2);
  assert.deepEqual(seen.texts(), ['1', 'new 2']);
  seen.session.stop();
});

test('who listens later is told the time of the server as it is by then', async () => {
  const { scope } = scene();
  const { session, events } = open(scope);
  await session.start();
  await until(() => events.some((event) => event.type === 'welcome'));
  await new Promise((resolve) => setTimeout(resolve, 60));
  const times = [events, [] as SessionEvent[]].map((list, at) => {
    if (at) session.listen((event) => list.push(event))();
    return list.flatMap((e) => (e.type === 'welcome' ? [e.welcome.serverMs] : []))[0]!;
  });
  assert.ok(times[1]! - times[0]! >= 50, `${times}`);
  session.stop();
});

test('a recalled message is a tombstone here and in the store', async () => {
  const { server, conversation, scope } = scene();
  server.conversation = conversation;
  const key = randomId();
  server.append({ key, message: { text: 'secret' } });
  const seen = open(scope);
  await seen.session.follow(publicFeed(conversation));
  await seen.session.start();
  await until(() => seen.texts().length === 1);
  server.append({ recalled: { targetKey: key, publicIndex: 1 } });
  await until(() => seen.rows.get(1)?.entry.tombstone?.reason === 1);
  assert.equal(seen.rows.get(1)!.entry.message, undefined);
  seen.session.stop();
  const again = open(scope);
  await again.session.follow(publicFeed(conversation));
  assert.equal(again.rows.get(1)?.entry.tombstone?.reason, 1);
  again.session.stop();
});

test('close codes: 4000 to 4499 come back after the time given, 4500 and up do not', async () => {
  const { server, scope } = scene();
  const seen = open(scope);
  await seen.session.start();
  await until(() => seen.session.link.state === 'live');
  server.cut(4008, '{"code":1108,"retry_after_ms":300}');
  const { link } = seen.session;
  assert.equal(link.state, 'waiting');
  assert.equal(link.code, 1108);
  assert.ok(link.retryAtMs! >= Date.now() + 290 && link.retryAtMs! <= Date.now() + 460);
  await until(() => seen.session.link.state === 'live');
  server.cut(4509, '{"code":1109}');
  assert.equal(seen.session.link.state, 'refused');
  assert.equal(seen.session.link.code, 1109);
  seen.session.stop();
});

test('a token the server refuses is asked for anew, once', async () => {
  const { server, scope } = scene();
  const asked: boolean[] = [];
  const session = openSession({
    base: 'https://desk.test',
    client: 'test/1',
    scope,
    language: 'en',
    inboxKey: 'k',
    token: async (rejected) => (asked.push(rejected), 'cd'.repeat(32)),
  });
  await session.start();
  await until(() => session.link.state === 'live');
  server.cut(4504, '{"code":1104,"retry_after_ms":0}');
  await until(() => session.link.state === 'live');
  assert.deepEqual(asked, [false, true]);
  server.serve = (socket) => socket.end(4504, '{"code":1104,"retry_after_ms":0}');
  server.cut();
  await until(() => session.link.state === 'refused');
  assert.equal(asked.filter(Boolean).length, 2);
  session.stop();
});

test('sockets that never open give way to HTTP', async () => {
  const { server, conversation, scope } = scene();
  server.down = true;
  const posted: string[] = [];
  globalThis.fetch = (async (url: string, init?: RequestInit) => {
    posted.push(`${init?.method ?? 'GET'} ${new URL(url).pathname}`);
    const body = init?.body as Uint8Array | undefined;
    const headers = (init?.headers ?? {}) as Record<string, string>;
    if (body) assert.equal(headers['Content-Type'], 'application/x-protobuf');
    assert.equal(headers.Authorization, `Bearer ${'ab'.repeat(32)}`);
    const answer = body?.length
      ? { server: [{ ack: { conversation, key: session.pending[0]?.key ?? '', index: 1 } }] }
      : {};
    return new Response(encode(FrameList, answer) as BodyInit);
  }) as never;
  const { session } = open(scope);
  await session.start();
  await session.submit(conversation, say('by post'), OPENING);
  await until(() => session.pending.length === 0, 8_000);
  assert.equal(session.link.transport, 'http');
  assert.ok(posted.includes('POST /v1/frames'));
  session.stop();
});

test('with several feeds over HTTP one of them waits on the server', async () => {
  const { server, scope } = scene();
  server.down = true;
  const waits = new Map<string, Set<string>>();
  globalThis.fetch = (async (url: string) => {
    const { pathname, searchParams } = new URL(url);
    const [id, wait] = [searchParams.get('id')!, searchParams.get('wait_ms')!];
    if (pathname === '/v1/feed') waits.set(id, (waits.get(id) ?? new Set()).add(wait));
    await new Promise((resolve) => setTimeout(resolve, 20));
    return new Response(encode(FrameList, {}) as BodyInit);
  }) as never;
  const { session } = open(scope);
  const [first, second] = [randomId(), randomId()];
  await session.follow(publicFeed(first));
  await session.follow(publicFeed(second));
  await session.start();
  await until(() => !!waits.get(first)?.has('2000') && waits.has(second), 8_000);
  assert.deepEqual([...waits.get(second)!], ['0']);
  session.stop();
});

test('a server that was only away is asked for a socket again at once', async () => {
  const { server, conversation, scope } = scene();
  server.down = true;
  globalThis.fetch = (async () => {
    server.down = false;
    return new Response(encode(FrameList, {}) as BodyInit);
  }) as never;
  const { session } = open(scope);
  await session.follow(publicFeed(conversation), false);
  await session.start();
  await until(() => session.link.state === 'live' && session.link.transport === 'socket', 8_000);
  session.stop();
});

test('without IndexedDB the session works in memory and says so', async () => {
  const { conversation, scope } = scene();
  const real = globalThis.indexedDB;
  Object.assign(globalThis, { indexedDB: { open: () => assert.fail('private mode') } });
  const { session, events } = open(scope);
  await session.start();
  Object.assign(globalThis, { indexedDB: real });
  await session.submit(conversation, say('x'), OPENING);
  await until(() => session.pending.length === 0);
  assert.ok(events.some((event) => event.type === 'storage' && event.volatile));
  session.stop();
});

test('one tab leads; a second one sends and hears through it', async () => {
  const { server, conversation, scope } = scene();
  const queue: (() => Promise<void>)[] = [];
  const next = () => void queue.shift()?.();
  const request = (_: string, __: unknown, held: () => Promise<void>) => {
    queue.push(() => held().then(next));
    if (queue.length === 1 && !busy) ((busy = true), next());
    return new Promise(() => {});
  };
  let busy = false;
  Object.defineProperty(globalThis, 'navigator', {
    value: { locks: { request } },
    configurable: true,
  });
  const a = open(scope);
  const b = open(scope);
  await a.session.follow(publicFeed(conversation), false);
  await b.session.follow(publicFeed(conversation), false);
  await a.session.start();
  await b.session.start();
  await b.session.submit(conversation, say('from b'), OPENING);
  await until(() => a.texts().length === 1 && b.texts().length === 1);
  assert.equal(server.hellos.length, 1);
  assert.equal(b.session.pending.length, 0);
  assert.equal(b.session.link.state, 'live');
  a.session.stop();
  await b.session.submit(conversation, say('alone'), OPENING);
  await until(() => b.texts().length === 2);
  assert.equal(server.hellos.length, 2);
  b.session.stop();
});

test('hexadecimal goes both ways', () => {
  assert.deepEqual(fromHex('00ff10'), new Uint8Array([0, 255, 16]));
});
