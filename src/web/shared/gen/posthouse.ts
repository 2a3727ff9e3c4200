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
  number: number;
}
export const Feed: Schema<Feed> = /*#__PURE__*/ message('n:kind i:id n:number');

export interface Cursor {
  feed?: Feed;
  epoch: string;
  index: number;
}
export const Cursor: Schema<Cursor> = /*#__PURE__*/ message('m:feed i:epoch n:index', Feed);

export interface Author {
  visitor?: string;
  agent?: number;
  system?: boolean;
  name: string;
}
export const Author: Schema<Author> = /*#__PURE__*/ message('i?:visitor n?:agent b?:system t:name');

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
export const Profile: Schema<Profile> = /*#__PURE__*/ message('t:name t:contact t:page t:pageTitle t:referrer t:device t:address t:language');

export interface Opened {
  inbox: number;
  team: number;
  visitor: string;
  profile?: Profile;
}
export const Opened: Schema<Opened> = /*#__PURE__*/ message('n:inbox n:team i:visitor m:profile', Profile);

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

export interface Note {
  text: string;
}
export const Note: Schema<Note> = /*#__PURE__*/ message('t:text');

export interface Queued {
  team: number;
  reason: QueueReason;
}
export const Queued: Schema<Queued> = /*#__PURE__*/ message('n:team n:reason');

export interface Assigned {
  agent: number;
  name: string;
  avatar: string;
  team: number;
}
export const Assigned: Schema<Assigned> = /*#__PURE__*/ message('n:agent t:name t:avatar n:team');

export interface Transferred {
  fromAgent: number;
  toAgent: number;
  toTeam: number;
}
export const Transferred: Schema<Transferred> = /*#__PURE__*/ message('n:fromAgent n:toAgent n:toTeam');

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
  targetAuthor?: Author;
  publicIndex: number;
  fullIndex: number;
}
export const Recalled: Schema<Recalled> = /*#__PURE__*/ message('i:targetKey m:targetAuthor n:publicIndex n:fullIndex', Author);

export interface Tombstone {
  reason: TombstoneReason;
}
export const Tombstone: Schema<Tombstone> = /*#__PURE__*/ message('n:reason');

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
  teams: number[];
  disabled: boolean;
  picture?: Attachment;
}
export const AgentRow: Schema<AgentRow> = /*#__PURE__*/ message('n:id t:login t:name t:avatar n:role n:capacity n*:teams b:disabled m:picture', Attachment);

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
  erased?: Erased;
  agent?: AgentRow;
  team?: TeamRow;
  inbox?: InboxRow;
  site?: SiteRow;
}
export const Entry: Schema<Entry> = /*#__PURE__*/ message('i:conversation i:key m:author n:atMs b:clockUnset 10m:opened m:message m:note m:queued m:assigned m:transferred m:resolved m:reopened m:rated m:recalled m:profile m:tombstone m:erased 40m:agent m:team m:inbox m:site', Author, Opened, Message, Note, Queued, Assigned, Transferred, Resolved, Reopened, Rated, Recalled, Profile, Tombstone, Erased, AgentRow, TeamRow, InboxRow, SiteRow);

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
  targetAuthor?: Author;
}
export const Recall: Schema<Recall> = /*#__PURE__*/ message('i:targetKey m:targetAuthor', Author);

export interface Assign {
  agent: number;
}
export const Assign: Schema<Assign> = /*#__PURE__*/ message('n:agent');

export interface Transfer {
  agent: number;
  team: number;
}
export const Transfer: Schema<Transfer> = /*#__PURE__*/ message('n:agent n:team');

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
export const Command: Schema<Command> = /*#__PURE__*/ message('m:message m:note m:recall m:assign m:transfer m:resolve m:reopen m:rate m:profile', Message, Note, Recall, Assign, Transfer, Resolved, Reopened, Rated, Profile);

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

export interface Unfollow {
  feeds: Feed[];
}
export const Unfollow: Schema<Unfollow> = /*#__PURE__*/ message('m*:feeds', Feed);

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

export interface SetStatus {
  status: Status;
}
export const SetStatus: Schema<SetStatus> = /*#__PURE__*/ message('n:status');

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
export const ClientFrame: Schema<ClientFrame> = /*#__PURE__*/ message('m:hello m:submit m:follow m:unfollow m:mark m:typing m:ping m:status', Hello, Submit, Follow, Unfollow, Mark, Typing, Ping, SetStatus);

export interface Welcome {
  epoch: string;
  serverMs: number;
  pingIntervalMs: number;
  endpoints: string[];
  agent: number;
  visitor: string;
  staffed: boolean;
}
export const Welcome: Schema<Welcome> = /*#__PURE__*/ message('i:epoch n:serverMs n:pingIntervalMs t*:endpoints n:agent i:visitor b:staffed');

export interface Delivery {
  feed?: Feed;
  index: number;
  entry: Uint8Array;
  publicIndex: number;
}
export const Delivery: Schema<Delivery> = /*#__PURE__*/ message('m:feed n:index r:entry n:publicIndex', Feed);

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

export interface Presence {
  agent: number;
  status: Status;
  conversation: string;
  visitorOnline: boolean;
  staffed: boolean;
}
export const Presence: Schema<Presence> = /*#__PURE__*/ message('n:agent n:status i:conversation b:visitorOnline b:staffed');

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
export const Snapshot: Schema<Snapshot> = /*#__PURE__*/ message('m:feed i:epoch n:index b:tooLong m*:conversations m*:agents m*:teams m*:inboxes m:site m*:marks m*:presence m*:entries', Feed, ConversationRow, AgentRow, TeamRow, InboxRow, SiteRow, Mark, Presence, Delivery);

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
  name: string;
  retryAfterMs: number;
  sentence: string;
}
export const Refused: Schema<Refused> = /*#__PURE__*/ message('i:conversation i:key n:code t:name n:retryAfterMs t:sentence');

export interface QueuePlace {
  conversation: string;
  place: number;
}
export const QueuePlace: Schema<QueuePlace> = /*#__PURE__*/ message('i:conversation n:place');

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

export interface FrameList {
  client: ClientFrame[];
  server: ServerFrame[];
}
export const FrameList: Schema<FrameList> = /*#__PURE__*/ message('m*:client m*:server', ClientFrame, ServerFrame);
