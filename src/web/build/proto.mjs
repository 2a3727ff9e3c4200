// Makes shared/gen/posthouse.ts from src/wire/posthouse.proto: interfaces, enum constants and the
// tables that shared/codec.ts walks; and shared/gen/visitor.ts, the same without agents' fields. Knows the subset of proto3 that file uses and stops at the rest.
import { readFileSync, writeFileSync } from 'node:fs';

const source = new URL('../../wire/posthouse.proto', import.meta.url);

const KINDS = { uint32: 0, uint64: 0, bool: 1, string: 2, bytes: 3 };
// Bytes that are not ids: kept as they are instead of hexadecimal text.
const RAW = new Set(['Delivery.entry', 'Record.entry']);
// The journal's own messages never reach a browser.
const SKIP = new Set(['Place', 'Record', 'Sealed', 'SignIn', 'Secret', 'ReaderCursor', 'Blob']);

// Fields that no visitor's page sends or looks at; a reader skips them as unknown.
const AGENTS = new Set([
  ...['opened', 'note', 'profile', 'agent', 'team'].map((name) => `Entry.${name}`),
  ...['inbox', 'site', 'clock_unset'].map((name) => `Entry.${name}`),
  ...['conversations', 'agents', 'teams', 'inboxes', 'site'].map((name) => `Snapshot.${name}`),
  ...['note', 'assign', 'transfer', 'resolve', 'reopen'].map((name) => `Command.${name}`),
  ...['Command.profile', 'Feed.number', 'QueuePlace.conversation', 'Assigned.agent'],
  ...['AgentRow.teams', 'Opened.profile'],
  ...['device', 'address'].map((name) => `Profile.${name}`),
  ...['from_agent', 'to_agent', 'to_team'].map((name) => `Transferred.${name}`),
  ...['status', 'unfollow'].map((name) => `ClientFrame.${name}`),
  ...['agent', 'visitor'].map((name) => `Welcome.${name}`),
  ...['agent', 'status', 'visitor_online'].map((name) => `Presence.${name}`),
  ...['Refused.name', 'Snapshot.too_long', 'Snapshot.presence', 'Author.system'],
  ...['Queued.reason', 'Queued.team', 'Assigned.team', 'Recall.target_author', 'Entry.erased'],
  ...['target_author', 'full_index', 'public_index'].map((name) => `Recalled.${name}`),
]);

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

function generate({ messages, enums }, left = new Set()) {
  const known = new Map(messages.map((message) => [message.name, message]));
  const enumNames = new Set(enums.map((item) => item.name));
  const out = [
    '// Generated from src/wire/posthouse.proto by build/proto.mjs; `npm run proto` makes it again.',
    "import { message, type Schema } from '../codec.ts';",
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
    const fields = message.fields.filter(({ name }) => !left.has(`${message.name}.${name}`));
    for (const { type } of fields) if (known.has(type)) emit(known.get(type));
    const shape = [];
    const words = [];
    const nests = [];
    let expected = 1;
    for (const item of fields) {
      const name = camel(item.name);
      const nested = known.has(item.type);
      const isEnum = enumNames.has(item.type);
      const raw = RAW.has(`${message.name}.${item.name}`);
      const kind = nested ? 5 : raw ? 4 : isEnum ? 0 : KINDS[item.type];
      if (kind === undefined) throw new Error(`posthouse.proto: unknown type ${item.type}`);
      const scalar = ['number', 'boolean', 'string', 'string', 'Uint8Array'][kind];
      const optional = item.oneof || (nested && !item.repeated);
      const type = nested || isEnum ? item.type : scalar;
      shape.push(`  ${name}${optional ? '?' : ''}: ${type}${item.repeated ? '[]' : ''};`);
      if (nested) nests.push(item.type);
      // The decoder that visitors get knows no lists of numbers.
      if (left.size && item.repeated && kind < 2) throw new Error(`visitors: list ${name}`);
      const mode = item.repeated ? '*' : optional && !nested ? '?' : '';
      words.push(`${item.number === expected ? '' : item.number}${'nbtirm'[kind]}${mode}:${name}`);
      expected = item.number + 1;
    }
    out.push(`export interface ${message.name} {`, ...shape, '}');
    const spec = [`'${words.join(' ')}'`, ...nests].join(', ');
    const schema = words.length ? `/*#__PURE__*/ message(${spec})` : '[]';
    out.push(`export const ${message.name}: Schema<${message.name}> = ${schema};`, '');
  };
  messages.forEach(emit);
  return out.join('\n');
}

const schema = parse(readFileSync(source, 'utf8'));
const files = { posthouse: generate(schema), visitor: generate(schema, AGENTS) };
for (const [name, text] of Object.entries(files)) {
  const target = new URL(`../shared/gen/${name}.ts`, import.meta.url);
  if (!process.argv.includes('--check')) writeFileSync(target, text);
  else if (readFileSync(target, 'utf8') !== text) {
    console.error(`shared/gen/${name}.ts is not what posthouse.proto says: npm run proto`);
    process.exit(1);
  }
}
