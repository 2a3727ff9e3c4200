// Makes shared/gen/posthouse.ts from src/wire/posthouse.proto: interfaces, enum constants and the
// tables that shared/codec.ts walks. Knows the subset of proto3 that file uses and stops at the rest.
import { readFileSync, writeFileSync } from 'node:fs';

const source = new URL('../../wire/posthouse.proto', import.meta.url);
const target = new URL('../shared/gen/posthouse.ts', import.meta.url);

const KINDS = { uint32: 0, uint64: 0, bool: 1, string: 2, bytes: 3 };
// Bytes that are not ids: kept as they are instead of hexadecimal text.
const RAW = new Set(['Delivery.entry', 'Record.entry']);
// The journal's own messages never reach a browser.
const SKIP = new Set(['Place', 'Record', 'SignIn', 'Secret', 'ReaderCursor', 'Blob']);

function parse(text) {
  const lines = text.split('\n').map((line) => line.trim());
  const messages = [];
  const enums = [];
  let open;
  let oneof = false;
  for (const line of lines) {
    if (line === '' || /^(\/\/|syntax|package)/.test(line)) continue;
    let match;
    if ((match = /^(message|enum) (\w+) \{(.*?)(\})?$/.exec(line))) {
      open = { name: match[2], fields: [] };
      (match[1] === 'enum' ? enums : messages).push(open);
      if (match[3].trim()) field(open, match[3].trim(), false);
    } else if (/^oneof \w+ \{$/.test(line)) oneof = true;
    else if (line === '}') oneof = false;
    else field(open, line, oneof);
  }
  return { messages, enums };
}

function field(open, line, oneof) {
  const value = /^(\w+) = (\d+);$/.exec(line);
  const match = /^(repeated )?(\w+) (\w+) = (\d+);$/.exec(line);
  if (value) open.fields.push({ name: value[1], number: Number(value[2]) });
  else if (match) {
    const [, repeated, type, name, number] = match;
    open.fields.push({ name, type, number: Number(number), repeated: !!repeated, oneof });
  } else throw new Error(`posthouse.proto: cannot read "${line}"`);
}

function camel(name) {
  return name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
}

function generate({ messages, enums }) {
  const known = new Map(messages.map((message) => [message.name, message]));
  const enumNames = new Set(enums.map((item) => item.name));
  const out = [
    '// Generated from src/wire/posthouse.proto by build/proto.mjs; `npm run proto` makes it again.',
    "import type { Schema } from '../codec.ts';",
    '',
  ];
  for (const item of enums) {
    out.push(`export type ${item.name} = number;`);
    for (const { name, number } of item.fields) out.push(`export const ${name} = ${number};`);
    out.push('');
  }
  const done = new Set();
  const emit = (message) => {
    if (done.has(message.name) || SKIP.has(message.name)) return;
    done.add(message.name);
    for (const { type } of message.fields) if (known.has(type)) emit(known.get(type));
    const shape = [];
    const table = [];
    for (const item of message.fields) {
      const name = camel(item.name);
      const raw = RAW.has(`${message.name}.${item.name}`);
      const nested = known.has(item.type);
      const kind = nested ? item.type : raw ? 4 : enumNames.has(item.type) ? 0 : KINDS[item.type];
      if (kind === undefined) throw new Error(`posthouse.proto: unknown type ${item.type}`);
      let type = nested || enumNames.has(item.type) ? item.type : 'number string'.split(' ')[+(kind > 1)];
      if (kind === 1) type = 'boolean';
      if (raw) type = 'Uint8Array';
      const optional = item.oneof || (nested && !item.repeated);
      shape.push(`  ${name}${optional ? '?' : ''}: ${type}${item.repeated ? '[]' : ''};`);
      const mode = item.repeated ? ', 1' : optional && !nested ? ', 2' : '';
      table.push(`  [${item.number}, '${name}', ${kind}${mode}],`);
    }
    out.push(`export interface ${message.name} {`, ...shape, '}');
    out.push(`export const ${message.name}: Schema<${message.name}> = [`, ...table, '];', '');
  };
  messages.forEach(emit);
  return out.join('\n');
}

const text = generate(parse(readFileSync(source, 'utf8')));
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('shared/gen/posthouse.ts is not what posthouse.proto says: npm run proto');
    process.exit(1);
  }
} else writeFileSync(target, text);
