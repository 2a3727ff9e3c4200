// Generated from src/wire/posthouse.proto by build/proto.mjs; `npm run proto` makes it again.
import { message, type Schema } from '../codec.ts';

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
export const ROLE_SYSTEM_ADMINISTRATOR = 4;
export const ROLE_SECURITY_ADMINISTRATOR = 5;
export const ROLE_AUDIT_ADMINISTRATOR = 6;

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
export const STATE_ERASED = 4;

export interface Feed {
  kind: FeedKind;
  id: string;
}
export const Feed: Schema<Feed> = /*#__PURE__*/ message('n:kind i:id');

export interface Cursor {
  feed?: Feed;
  epoch: string;
  index: number;
}
export const Cursor: Schema<Cursor> = /*#__PURE__*/ message('m:feed i:epoch n:index', Feed);

export interface Author {
  visitor?: string;
  agent?: number;
  name: string;
}
export const Author: Schema<Author> = /*#__PURE__*/ message('i?:visitor n?:agent 4t:name');

export interface Attachment {
  blob: string;
  name: string;
  mediaType: string;
  size: number;
  width: number;
  height: number;
}
export const Attachment: Schema<Attachment> = /*#__PURE__*/ message('i:blob t:name t:mediaType n:size n:width n:height');

export interface Message {
  text?: string;
  attachment?: Attachment;
}
export const Message: Schema<Message> = /*#__PURE__*/ message('t?:text m:attachment', Attachment);

export interface Queued {
}
export const Queued: Schema<Queued> = [];

export interface Assigned {
  name: string;
  avatar: string;
}
export const Assigned: Schema<Assigned> = /*#__PURE__*/ message('2t:name t:avatar');

export interface Transferred {
}
export const Transferred: Schema<Transferred> = [];

export interface Resolved {
}
export const Resolved: Schema<Resolved> = [];

export interface Reopened {
}
export const Reopened: Schema<Reopened> = [];

export interface Rated {
  score: number;
  comment: string;
}
export const Rated: Schema<Rated> = /*#__PURE__*/ message('n:score t:comment');

export interface Recalled {
  targetKey: string;
}
export const Recalled: Schema<Recalled> = /*#__PURE__*/ message('i:targetKey');

export interface Tombstone {
  reason: TombstoneReason;
}
export const Tombstone: Schema<Tombstone> = /*#__PURE__*/ message('n:reason');

export interface Entry {
  conversation: string;
  key: string;
  author?: Author;
  atMs: number;
  message?: Message;
  queued?: Queued;
  assigned?: Assigned;
  transferred?: Transferred;
  resolved?: Resolved;
  reopened?: Reopened;
  rated?: Rated;
  recalled?: Recalled;
  tombstone?: Tombstone;
}
export const Entry: Schema<Entry> = /*#__PURE__*/ message('i:conversation i:key m:author n:atMs 11m:message 13m:queued m:assigned m:transferred m:resolved m:reopened m:rated m:recalled 21m:tombstone', Author, Message, Queued, Assigned, Transferred, Resolved, Reopened, Rated, Recalled, Tombstone);

export interface Profile {
  name: string;
  contact: string;
  page: string;
  pageTitle: string;
  referrer: string;
  language: string;
}
export const Profile: Schema<Profile> = /*#__PURE__*/ message('t:name t:contact t:page t:pageTitle t:referrer 8t:language');

export interface Opened {
  inbox: number;
  team: number;
  visitor: string;
}
export const Opened: Schema<Opened> = /*#__PURE__*/ message('n:inbox n:team i:visitor');

export interface Note {
  text: string;
}
export const Note: Schema<Note> = /*#__PURE__*/ message('t:text');

export interface Erased {
  inbox: number;
  team: number;
  visitor: string;
}
export const Erased: Schema<Erased> = /*#__PURE__*/ message('n:inbox n:team i:visitor');

export interface AgentRow {
  id: number;
  login: string;
  name: string;
  avatar: string;
  role: Role;
  capacity: number;
  disabled: boolean;
  picture?: Attachment;
}
export const AgentRow: Schema<AgentRow> = /*#__PURE__*/ message('n:id t:login t:name t:avatar n:role n:capacity 8b:disabled m:picture', Attachment);

export interface TeamRow {
  id: number;
  name: string;
  disabled: boolean;
}
export const TeamRow: Schema<TeamRow> = /*#__PURE__*/ message('n:id t:name b:disabled');

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
export const InboxRow: Schema<InboxRow> = /*#__PURE__*/ message('n:id t:key t:name n:team t*:origins t:greeting t:offlineGreeting t:color b:disabled');

export interface SiteRow {
  name: string;
  language: string;
  claimed: boolean;
  answerTimeoutMs: number;
  separateDuties: boolean;
}
export const SiteRow: Schema<SiteRow> = /*#__PURE__*/ message('t:name t:language b:claimed n:answerTimeoutMs b:separateDuties');

export interface AuditNote {
  act: number;
  text: string;
}
export const AuditNote: Schema<AuditNote> = /*#__PURE__*/ message('n:act t:text');

export interface Mark {
  conversation: string;
  reader?: Author;
  delivered: number;
  read: number;
}
export const Mark: Schema<Mark> = /*#__PURE__*/ message('i:conversation m:reader n:delivered n:read', Author);

export interface Recall {
  targetKey: string;
}
export const Recall: Schema<Recall> = /*#__PURE__*/ message('i:targetKey');

export interface Command {
  message?: Message;
  recall?: Recall;
  rate?: Rated;
}
export const Command: Schema<Command> = /*#__PURE__*/ message('m:message 3m:recall 8m:rate', Message, Recall, Rated);

export interface Assign {
  agent: number;
}
export const Assign: Schema<Assign> = /*#__PURE__*/ message('n:agent');

export interface Transfer {
  agent: number;
  team: number;
}
export const Transfer: Schema<Transfer> = /*#__PURE__*/ message('n:agent n:team');

export interface Opening {
  inboxKey: string;
  profile?: Profile;
}
export const Opening: Schema<Opening> = /*#__PURE__*/ message('t:inboxKey m:profile', Profile);

export interface Hello {
  client: string;
  visitorToken: string;
  inboxKey: string;
  cursors: Cursor[];
  language: string;
}
export const Hello: Schema<Hello> = /*#__PURE__*/ message('t:client i:visitorToken t:inboxKey m*:cursors t:language', Cursor);

export interface Submit {
  conversation: string;
  key: string;
  opening?: Opening;
  command?: Command;
}
export const Submit: Schema<Submit> = /*#__PURE__*/ message('i:conversation i:key m:opening m:command', Opening, Command);

export interface Follow {
  cursors: Cursor[];
}
export const Follow: Schema<Follow> = /*#__PURE__*/ message('m*:cursors', Cursor);

export interface Typing {
  conversation: string;
  preview: string;
  active: boolean;
  author?: Author;
}
export const Typing: Schema<Typing> = /*#__PURE__*/ message('i:conversation t:preview b:active m:author', Author);

export interface Ping {
  cursors: Cursor[];
}
export const Ping: Schema<Ping> = /*#__PURE__*/ message('m*:cursors', Cursor);

export interface ClientFrame {
  hello?: Hello;
  submit?: Submit;
  follow?: Follow;
  mark?: Mark;
  typing?: Typing;
  ping?: Ping;
}
export const ClientFrame: Schema<ClientFrame> = /*#__PURE__*/ message('m:hello m:submit m:follow 5m:mark m:typing m:ping', Hello, Submit, Follow, Mark, Typing, Ping);

export interface Unfollow {
  feeds: Feed[];
}
export const Unfollow: Schema<Unfollow> = /*#__PURE__*/ message('m*:feeds', Feed);

export interface SetStatus {
  status: Status;
}
export const SetStatus: Schema<SetStatus> = /*#__PURE__*/ message('n:status');

export interface Welcome {
  epoch: string;
  serverMs: number;
  pingIntervalMs: number;
  endpoints: string[];
  staffed: boolean;
}
export const Welcome: Schema<Welcome> = /*#__PURE__*/ message('i:epoch n:serverMs n:pingIntervalMs t*:endpoints 7b:staffed');

export interface Delivery {
  feed?: Feed;
  index: number;
  entry: Uint8Array;
  publicIndex: number;
}
export const Delivery: Schema<Delivery> = /*#__PURE__*/ message('m:feed n:index r:entry n:publicIndex', Feed);

export interface Snapshot {
  feed?: Feed;
  epoch: string;
  index: number;
  marks: Mark[];
  entries: Delivery[];
}
export const Snapshot: Schema<Snapshot> = /*#__PURE__*/ message('m:feed i:epoch n:index 10m*:marks 12m*:entries', Feed, Mark, Delivery);

export interface CaughtUp {
  feed?: Feed;
  epoch: string;
  index: number;
}
export const CaughtUp: Schema<CaughtUp> = /*#__PURE__*/ message('m:feed i:epoch n:index', Feed);

export interface Ack {
  conversation: string;
  key: string;
  index: number;
  atMs: number;
}
export const Ack: Schema<Ack> = /*#__PURE__*/ message('i:conversation i:key n:index n:atMs');

export interface Refused {
  conversation: string;
  key: string;
  code: number;
  retryAfterMs: number;
  sentence: string;
}
export const Refused: Schema<Refused> = /*#__PURE__*/ message('i:conversation i:key n:code 5n:retryAfterMs t:sentence');

export interface Presence {
  conversation: string;
  staffed: boolean;
}
export const Presence: Schema<Presence> = /*#__PURE__*/ message('3i:conversation 5b:staffed');

export interface QueuePlace {
  place: number;
}
export const QueuePlace: Schema<QueuePlace> = /*#__PURE__*/ message('2n:place');

export interface Pong {
  heads: Cursor[];
}
export const Pong: Schema<Pong> = /*#__PURE__*/ message('m*:heads', Cursor);

export interface GoingAway {
  retryAfterMs: number;
}
export const GoingAway: Schema<GoingAway> = /*#__PURE__*/ message('n:retryAfterMs');

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
export const ServerFrame: Schema<ServerFrame> = /*#__PURE__*/ message('m:welcome m:delivery m:snapshot m:caughtUp m:ack m:refused m:mark m:typing m:presence m:queuePlace m:pong m:goingAway', Welcome, Delivery, Snapshot, CaughtUp, Ack, Refused, Mark, Typing, Presence, QueuePlace, Pong, GoingAway);

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
export const ConversationRow: Schema<ConversationRow> = /*#__PURE__*/ message('i:id n:inbox n:team i:visitor m:profile n:state n:agent n:lastAgent n:openedMs n:lastMs t:preview b:awaitsAgent n:publicIndex n:fullIndex i:maxKey n:position n:rating n:queuedMs n:waitingSinceMs n:previewIndex n:queueReason', Profile);

export interface FrameList {
  client: ClientFrame[];
  server: ServerFrame[];
}
export const FrameList: Schema<FrameList> = /*#__PURE__*/ message('m*:client m*:server', ClientFrame, ServerFrame);
