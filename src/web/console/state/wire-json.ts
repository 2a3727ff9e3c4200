// Rows as the JSON API writes them (snake_case, words for enums) to the shapes the feeds use, and
// back.
import type {
  AgentRow,
  ConversationRow,
  InboxRow,
  SiteRow,
  TeamRow,
} from '../../shared/gen/posthouse.ts';

const STATES = ['', 'queued', 'assigned', 'resolved'];
export const ROLES = [
  '',
  'agent',
  'supervisor',
  'owner',
  'system-administrator',
  'security-administrator',
  'audit-administrator',
];

type Json = Record<string, unknown>;

const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function rename(value: unknown, name: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => rename(item, name));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [name(key), rename(item, name)]),
  );
}

/** Words of an enum to its number; a number stays. */
const number = (value: unknown, words: string[]) =>
  typeof value === 'string' ? Math.max(0, words.indexOf(value)) : Number(value ?? 0);

export function agentFrom(json: unknown): AgentRow {
  const row = rename(json, camel) as Json;
  return { ...row, role: number(row.role, ROLES) } as unknown as AgentRow;
}

export function conversationFrom(json: unknown): ConversationRow {
  const row = rename(json, camel) as Json;
  return { ...row, state: number(row.state, STATES) } as unknown as ConversationRow;
}

export const teamFrom = (json: unknown) => rename(json, camel) as TeamRow;
export const inboxFrom = (json: unknown) => rename(json, camel) as InboxRow;
export const siteFrom = (json: unknown) => rename(json, camel) as SiteRow;

/** A change as the API takes it: snake_case, a role as its word. */
export function toJson(change: object): Json {
  const json = rename(change, snake) as Json;
  if (typeof json.role === 'number') json.role = ROLES[json.role];
  return json;
}
