// Generated from src/wire/posthouse.proto by build/proto.mjs; `npm run proto` makes it again.
import type { Schema } from '../codec.ts';

export type FeedKind = number;
export const FEED_KIND_UNSPECIFIED = 0;
export const FEED_KIND_PUBLIC = 1;
export const FEED_KIND_FULL = 2;
export const FEED_KIND_INBOX = 3;
export const FEED_KIND_TEAM = 4;
export const FEED_KIND_ROSTER = 5;
export const FEED_KIND_SITE = 6;

export type QueueReason = number;
export const QUEUE_REASON_UNSPECIFIED = 0;
export const QUEUE_REASON_NEW = 1;
export const QUEUE_REASON_TIMEOUT = 2;
export const QUEUE_REASON_TRANSFER = 3;
export const QUEUE_REASON_AGENT_GONE = 4;
export const QUEUE_REASON_REOPENED = 5;

export type TombstoneReason = number;
export const TOMBSTONE_REASON_UNSPECIFIED = 0;
export const TOMBSTONE_REASON_RECALLED = 1;
export const TOMBSTONE_REASON_DELETED = 2;

export type Role = number;
export const ROLE_UNSPECIFIED = 0;
export const ROLE_AGENT = 1;
export const ROLE_SUPERVISOR = 2;
export const ROLE_OWNER = 3;

export type Status = number;
export const STATUS_UNSPECIFIED = 0;
export const STATUS_OFFLINE = 1;
export const STATUS_AWAY = 2;
export const STATUS_ONLINE = 3;

export type State = number;
export const STATE_UNSPECIFIED = 0;
export const STATE_QUEUED = 1;
export const STATE_ASSIGNED = 2;
export const STATE_RESOLVED = 3;

export interface Feed {
  kind: FeedKind;
  id: string;
  number: number;
}
export const Feed: Schema<Feed> = [
  [1, 'kind', 0],
  [2, 'id', 3],
  [3, 'number', 0],
];

export interface Cursor {
  feed?: Feed;
  epoch: string;
  index: number;
}
export const Cursor: Schema<Cursor> = [
  [1, 'feed', Feed],
  [2, 'epoch', 3],
  [3, 'index', 0],
];

export interface Author {
  visitor?: string;
  agent?: number;
  system?: boolean;
  name: string;
}
export const Author: Schema<Author> = [
  [1, 'visitor', 3, 2],
  [2, 'agent', 0, 2],
  [3, 'system', 1, 2],
  [4, 'name', 2],
];

export interface Profile {
  name: string;
  contact: string;
  page: string;
  pageTitle: string;
  referrer: string;
  device: string;
  address: string;
  language: string;
}
export const Profile: Schema<Profile> = [
  [1, 'name', 2],
  [2, 'contact', 2],
  [3, 'page', 2],
  [4, 'pageTitle', 2],
  [5, 'referrer', 2],
  [6, 'device', 2],
  [7, 'address', 2],
  [8, 'language', 2],
];

export interface Opened {
  inbox: number;
  team: number;
  visitor: string;
  profile?: Profile;
}
export const Opened: Schema<Opened> = [
  [1, 'inbox', 0],
  [2, 'team', 0],
  [3, 'visitor', 3],
  [4, 'profile', Profile],
];

export interface Attachment {
  blob: string;
  name: string;
  mediaType: string;
  size: number;
  width: number;
  height: number;
}
export const Attachment: Schema<Attachment> = [
  [1, 'blob', 3],
  [2, 'name', 2],
  [3, 'mediaType', 2],
  [4, 'size', 0],
  [5, 'width', 0],
  [6, 'height', 0],
];

export interface Message {
  text?: string;
  attachment?: Attachment;
}
export const Message: Schema<Message> = [
  [1, 'text', 2, 2],
  [2, 'attachment', Attachment],
];

export interface Note {
  text: string;
}
export const Note: Schema<Note> = [
  [1, 'text', 2],
];

export interface Queued {
  team: number;
  reason: QueueReason;
}
export const Queued: Schema<Queued> = [
  [1, 'team', 0],
  [2, 'reason', 0],
];

export interface Assigned {
  agent: number;
  name: string;
  avatar: string;
  team: number;
}
export const Assigned: Schema<Assigned> = [
  [1, 'agent', 0],
  [2, 'name', 2],
  [3, 'avatar', 2],
  [4, 'team', 0],
];

export interface Transferred {
  fromAgent: number;
  toAgent: number;
  toTeam: number;
}
export const Transferred: Schema<Transferred> = [
  [1, 'fromAgent', 0],
  [2, 'toAgent', 0],
  [3, 'toTeam', 0],
];

export interface Resolved {
}
export const Resolved: Schema<Resolved> = [
];

export interface Reopened {
}
export const Reopened: Schema<Reopened> = [
];

export interface Rated {
  score: number;
  comment: string;
}
export const Rated: Schema<Rated> = [
  [1, 'score', 0],
  [2, 'comment', 2],
];

export interface Recalled {
  targetKey: string;
  targetAuthor?: Author;
  publicIndex: number;
  fullIndex: number;
}
export const Recalled: Schema<Recalled> = [
  [1, 'targetKey', 3],
  [2, 'targetAuthor', Author],
  [3, 'publicIndex', 0],
  [4, 'fullIndex', 0],
];

export interface Tombstone {
  reason: TombstoneReason;
}
export const Tombstone: Schema<Tombstone> = [
  [1, 'reason', 0],
];

export interface AgentRow {
  id: number;
  login: string;
  name: string;
  avatar: string;
  role: Role;
  capacity: number;
  teams: number[];
  disabled: boolean;
}
export const AgentRow: Schema<AgentRow> = [
  [1, 'id', 0],
  [2, 'login', 2],
  [3, 'name', 2],
  [4, 'avatar', 2],
  [5, 'role', 0],
  [6, 'capacity', 0],
  [7, 'teams', 0, 1],
  [8, 'disabled', 1],
];

export interface TeamRow {
  id: number;
  name: string;
  disabled: boolean;
}
export const TeamRow: Schema<TeamRow> = [
  [1, 'id', 0],
  [2, 'name', 2],
  [3, 'disabled', 1],
];

export interface InboxRow {
  id: number;
  key: string;
  name: string;
  team: number;
  origins: string[];
  greeting: string;
  offlineGreeting: string;
  color: string;
  disabled: boolean;
}
export const InboxRow: Schema<InboxRow> = [
  [1, 'id', 0],
  [2, 'key', 2],
  [3, 'name', 2],
  [4, 'team', 0],
  [5, 'origins', 2, 1],
  [6, 'greeting', 2],
  [7, 'offlineGreeting', 2],
  [8, 'color', 2],
  [9, 'disabled', 1],
];

export interface SiteRow {
  name: string;
  language: string;
  claimed: boolean;
  answerTimeoutMs: number;
}
export const SiteRow: Schema<SiteRow> = [
  [1, 'name', 2],
  [2, 'language', 2],
  [3, 'claimed', 1],
  [4, 'answerTimeoutMs', 0],
];

export interface Entry {
  conversation: string;
  key: string;
  author?: Author;
  atMs: number;
  clockUnset: boolean;
  opened?: Opened;
  message?: Message;
  note?: Note;
  queued?: Queued;
  assigned?: Assigned;
  transferred?: Transferred;
  resolved?: Resolved;
  reopened?: Reopened;
  rated?: Rated;
  recalled?: Recalled;
  profile?: Profile;
  tombstone?: Tombstone;
  agent?: AgentRow;
  team?: TeamRow;
  inbox?: InboxRow;
  site?: SiteRow;
}
export const Entry: Schema<Entry> = [
  [1, 'conversation', 3],
  [2, 'key', 3],
  [3, 'author', Author],
  [4, 'atMs', 0],
  [5, 'clockUnset', 1],
  [10, 'opened', Opened],
  [11, 'message', Message],
  [12, 'note', Note],
  [13, 'queued', Queued],
  [14, 'assigned', Assigned],
  [15, 'transferred', Transferred],
  [16, 'resolved', Resolved],
  [17, 'reopened', Reopened],
  [18, 'rated', Rated],
  [19, 'recalled', Recalled],
  [20, 'profile', Profile],
  [21, 'tombstone', Tombstone],
  [40, 'agent', AgentRow],
  [41, 'team', TeamRow],
  [42, 'inbox', InboxRow],
  [43, 'site', SiteRow],
];

export interface Mark {
  conversation: string;
  reader?: Author;
  delivered: number;
  read: number;
}
export const Mark: Schema<Mark> = [
  [1, 'conversation', 3],
  [2, 'reader', Author],
  [3, 'delivered', 0],
  [4, 'read', 0],
];

export interface Recall {
  targetKey: string;
  targetAuthor?: Author;
}
export const Recall: Schema<Recall> = [
  [1, 'targetKey', 3],
  [2, 'targetAuthor', Author],
];

export interface Assign {
  agent: number;
}
export const Assign: Schema<Assign> = [
  [1, 'agent', 0],
];

export interface Transfer {
  agent: number;
  team: number;
}
export const Transfer: Schema<Transfer> = [
  [1, 'agent', 0],
  [2, 'team', 0],
];

export interface Command {
  message?: Message;
  note?: Note;
  recall?: Recall;
  assign?: Assign;
  transfer?: Transfer;
  resolve?: Resolved;
  reopen?: Reopened;
  rate?: Rated;
  profile?: Profile;
}
export const Command: Schema<Command> = [
  [1, 'message', Message],
  [2, 'note', Note],
  [3, 'recall', Recall],
  [4, 'assign', Assign],
  [5, 'transfer', Transfer],
  [6, 'resolve', Resolved],
  [7, 'reopen', Reopened],
  [8, 'rate', Rated],
  [9, 'profile', Profile],
];

export interface Opening {
  inboxKey: string;
  profile?: Profile;
}
export const Opening: Schema<Opening> = [
  [1, 'inboxKey', 2],
  [2, 'profile', Profile],
];

export interface Hello {
  client: string;
  visitorToken: string;
  inboxKey: string;
  cursors: Cursor[];
  language: string;
}
export const Hello: Schema<Hello> = [
  [1, 'client', 2],
  [2, 'visitorToken', 3],
  [3, 'inboxKey', 2],
  [4, 'cursors', Cursor, 1],
  [5, 'language', 2],
];

export interface Submit {
  conversation: string;
  key: string;
  opening?: Opening;
  command?: Command;
}
export const Submit: Schema<Submit> = [
  [1, 'conversation', 3],
  [2, 'key', 3],
  [3, 'opening', Opening],
  [4, 'command', Command],
];

export interface Follow {
  cursors: Cursor[];
}
export const Follow: Schema<Follow> = [
  [1, 'cursors', Cursor, 1],
];

export interface Unfollow {
  feeds: Feed[];
}
export const Unfollow: Schema<Unfollow> = [
  [1, 'feeds', Feed, 1],
];

export interface Typing {
  conversation: string;
  preview: string;
  active: boolean;
  author?: Author;
}
export const Typing: Schema<Typing> = [
  [1, 'conversation', 3],
  [2, 'preview', 2],
  [3, 'active', 1],
  [4, 'author', Author],
];

export interface Ping {
  cursors: Cursor[];
}
export const Ping: Schema<Ping> = [
  [1, 'cursors', Cursor, 1],
];

export interface SetStatus {
  status: Status;
}
export const SetStatus: Schema<SetStatus> = [
  [1, 'status', 0],
];

export interface ClientFrame {
  hello?: Hello;
  submit?: Submit;
  follow?: Follow;
  unfollow?: Unfollow;
  mark?: Mark;
  typing?: Typing;
  ping?: Ping;
  status?: SetStatus;
}
export const ClientFrame: Schema<ClientFrame> = [
  [1, 'hello', Hello],
  [2, 'submit', Submit],
  [3, 'follow', Follow],
  [4, 'unfollow', Unfollow],
  [5, 'mark', Mark],
  [6, 'typing', Typing],
  [7, 'ping', Ping],
  [8, 'status', SetStatus],
];

export interface Welcome {
  epoch: string;
  serverMs: number;
  pingIntervalMs: number;
  endpoints: string[];
  agent: number;
  visitor: string;
  staffed: boolean;
}
export const Welcome: Schema<Welcome> = [
  [1, 'epoch', 3],
  [2, 'serverMs', 0],
  [3, 'pingIntervalMs', 0],
  [4, 'endpoints', 2, 1],
  [5, 'agent', 0],
  [6, 'visitor', 3],
  [7, 'staffed', 1],
];

export interface Delivery {
  feed?: Feed;
  index: number;
  entry: Uint8Array;
  publicIndex: number;
}
export const Delivery: Schema<Delivery> = [
  [1, 'feed', Feed],
  [2, 'index', 0],
  [3, 'entry', 4],
  [4, 'publicIndex', 0],
];

export interface ConversationRow {
  id: string;
  inbox: number;
  team: number;
  visitor: string;
  profile?: Profile;
  state: State;
  agent: number;
  lastAgent: number;
  openedMs: number;
  lastMs: number;
  preview: string;
  awaitsAgent: boolean;
  publicIndex: number;
  fullIndex: number;
  maxKey: string;
  position: number;
  rating: number;
  queuedMs: number;
  waitingSinceMs: number;
  previewIndex: number;
  queueReason: QueueReason;
}
export const ConversationRow: Schema<ConversationRow> = [
  [1, 'id', 3],
  [2, 'inbox', 0],
  [3, 'team', 0],
  [4, 'visitor', 3],
  [5, 'profile', Profile],
  [6, 'state', 0],
  [7, 'agent', 0],
  [8, 'lastAgent', 0],
  [9, 'openedMs', 0],
  [10, 'lastMs', 0],
  [11, 'preview', 2],
  [12, 'awaitsAgent', 1],
  [13, 'publicIndex', 0],
  [14, 'fullIndex', 0],
  [15, 'maxKey', 3],
  [16, 'position', 0],
  [17, 'rating', 0],
  [18, 'queuedMs', 0],
  [19, 'waitingSinceMs', 0],
  [20, 'previewIndex', 0],
  [21, 'queueReason', 0],
];

export interface Presence {
  agent: number;
  status: Status;
  conversation: string;
  visitorOnline: boolean;
  staffed: boolean;
}
export const Presence: Schema<Presence> = [
  [1, 'agent', 0],
  [2, 'status', 0],
  [3, 'conversation', 3],
  [4, 'visitorOnline', 1],
  [5, 'staffed', 1],
];

export interface Snapshot {
  feed?: Feed;
  epoch: string;
  index: number;
  tooLong: boolean;
  conversations: ConversationRow[];
  agents: AgentRow[];
  teams: TeamRow[];
  inboxes: InboxRow[];
  site?: SiteRow;
  marks: Mark[];
  presence: Presence[];
  entries: Delivery[];
}
export const Snapshot: Schema<Snapshot> = [
  [1, 'feed', Feed],
  [2, 'epoch', 3],
  [3, 'index', 0],
  [4, 'tooLong', 1],
  [5, 'conversations', ConversationRow, 1],
  [6, 'agents', AgentRow, 1],
  [7, 'teams', TeamRow, 1],
  [8, 'inboxes', InboxRow, 1],
  [9, 'site', SiteRow],
  [10, 'marks', Mark, 1],
  [11, 'presence', Presence, 1],
  [12, 'entries', Delivery, 1],
];

export interface CaughtUp {
  feed?: Feed;
  epoch: string;
  index: number;
}
export const CaughtUp: Schema<CaughtUp> = [
  [1, 'feed', Feed],
  [2, 'epoch', 3],
  [3, 'index', 0],
];

export interface Ack {
  conversation: string;
  key: string;
  index: number;
  atMs: number;
}
export const Ack: Schema<Ack> = [
  [1, 'conversation', 3],
  [2, 'key', 3],
  [3, 'index', 0],
  [4, 'atMs', 0],
];

export interface Refused {
  conversation: string;
  key: string;
  code: number;
  name: string;
  retryAfterMs: number;
  sentence: string;
}
export const Refused: Schema<Refused> = [
  [1, 'conversation', 3],
  [2, 'key', 3],
  [3, 'code', 0],
  [4, 'name', 2],
  [5, 'retryAfterMs', 0],
  [6, 'sentence', 2],
];

export interface QueuePlace {
  conversation: string;
  place: number;
}
export const QueuePlace: Schema<QueuePlace> = [
  [1, 'conversation', 3],
  [2, 'place', 0],
];

export interface Pong {
  heads: Cursor[];
}
export const Pong: Schema<Pong> = [
  [1, 'heads', Cursor, 1],
];

export interface GoingAway {
  retryAfterMs: number;
}
export const GoingAway: Schema<GoingAway> = [
  [1, 'retryAfterMs', 0],
];

export interface ServerFrame {
  welcome?: Welcome;
  delivery?: Delivery;
  snapshot?: Snapshot;
  caughtUp?: CaughtUp;
  ack?: Ack;
  refused?: Refused;
  mark?: Mark;
  typing?: Typing;
  presence?: Presence;
  queuePlace?: QueuePlace;
  pong?: Pong;
  goingAway?: GoingAway;
}
export const ServerFrame: Schema<ServerFrame> = [
  [1, 'welcome', Welcome],
  [2, 'delivery', Delivery],
  [3, 'snapshot', Snapshot],
  [4, 'caughtUp', CaughtUp],
  [5, 'ack', Ack],
  [6, 'refused', Refused],
  [7, 'mark', Mark],
  [8, 'typing', Typing],
  [9, 'presence', Presence],
  [10, 'queuePlace', QueuePlace],
  [11, 'pong', Pong],
  [12, 'goingAway', GoingAway],
];

export interface FrameList {
  client: ClientFrame[];
  server: ServerFrame[];
}
export const FrameList: Schema<FrameList> = [
  [1, 'client', ClientFrame, 1],
  [2, 'server', ServerFrame, 1],
];
