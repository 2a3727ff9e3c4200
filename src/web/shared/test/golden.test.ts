import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decode, encode, fromHex, toHex, type Part, type Schema } from '../codec.ts';
import { ClientFrame, Entry, ServerFrame } from '../gen/posthouse.ts';
import * as visitor from '../gen/visitor.ts';

// npm runs tests in src/web; the corpus is the server's own.
const GOLDEN = '../../tests/golden';

function corpus(kind: string): [string, string][] {
  const folder = join(GOLDEN, kind);
  return readdirSync(folder).map((name) => [
    name,
    readFileSync(join(folder, name), 'utf8').replace(/\s/g, ''),
  ]);
}

function survives<T>(kind: string, schema: Schema<T>, unpacked: string[] = []): void {
  for (const [name, hex] of corpus(kind)) {
    const words = decode(schema, fromHex(hex));
    const again = encode(schema, words as Part<T>);
    assert.deepEqual(decode(schema, again), words, name);
    if (!unpacked.includes(name)) assert.equal(toHex(again), hex, name);
  }
}

test("the server's corpus of frames is read and written byte for byte", () => {
  survives('client', ClientFrame);
  survives('server', ServerFrame);
  // Repeated numbers are written unpacked.
  survives('entry', Entry, ['agent.hex', 'agent_picture.hex']);
});

test("the widget's shorter tables read the same corpus", () => {
  for (const [, hex] of corpus('server')) assert.ok(decode(visitor.ServerFrame, fromHex(hex)));
  for (const [name, hex] of corpus('entry')) {
    const full = decode(Entry, fromHex(hex));
    const short = decode(visitor.Entry, fromHex(hex));
    assert.deepEqual(short.message, full.message, name);
    assert.deepEqual(short.author?.agent, full.author?.agent, name);
    assert.equal(short.key, full.key);
  }
});
