//! Every limit of the product, with its reason. Queues are bounded in bytes or items here and
//! nowhere else.

/// Longest text of a message, in bytes of UTF-8. A screenful; longer text belongs in a file.
pub const TEXT_BYTES: usize = 8 * 1024;
/// Longest name of a person, team, inbox or site, in bytes.
pub const NAME_BYTES: usize = 128;
/// Longest URL kept of a visitor's page or referrer, in bytes; the rest is cut off.
pub const URL_BYTES: usize = 1024;
/// Longest file name kept of an attachment, in bytes.
pub const FILE_NAME_BYTES: usize = 255;
/// Longest comment with a rating, in bytes.
pub const COMMENT_BYTES: usize = 1024;
/// Longest typing preview, in bytes: what fits in two lines of the console.
pub const PREVIEW_BYTES: usize = 400;

/// Longest WebSocket message in either direction: text is 8 KiB, files go by HTTP.
pub const FRAME_BYTES: usize = 64 * 1024;
/// Longest journal record body: an entry, its header, and room to grow.
pub const RECORD_BYTES: usize = 128 * 1024;
/// Commands of one peer that are not answered yet; past it the peer's socket is not read.
pub const SUBMITS_IN_FLIGHT: usize = 32;
/// Bytes waiting for one connection; past it the connection is closed and resumes by cursor.
pub const OUTBOX_BYTES: usize = 256 * 1024;
/// Commands waiting for one shard; full means Busy, not memory.
pub const SHARD_MAILBOX: usize = 1024;
/// Feeds one connection may follow: an agent's lists and a screenful of open conversations.
pub const FEEDS_PER_CONNECTION: usize = 64;
/// Entries a resuming reader is sent one by one; a longer absence gets a snapshot.
pub const RESUME_ENTRIES: u64 = 1_000;
/// Entries of one page of history: one read, about 64 KiB.
pub const PAGE_ENTRIES: usize = 100;
/// Bytes of one page of history: a page of long texts stays well below the outbox.
pub const PAGE_BYTES: usize = 64 * 1024;
/// Entries a snapshot of a conversation carries: what a screen shows.
pub const SNAPSHOT_ENTRIES: usize = 50;
/// Conversations of one list: what an agent scrolls through; the rest comes by page.
pub const LIST_ROWS: usize = 200;

/// Default and least ping interval of a connection, and how many of them silence may last.
pub const PING_INTERVAL_MS: u32 = 30_000;
pub const PING_INTERVAL_LEAST_MS: u32 = 10_000;
/// The server closes after this many tenths of a ping interval without a frame (2.5 intervals).
pub const IDLE_TENTHS: u64 = 25;
/// A peer must say Hello within this time, or an idle socket could hold a place for ever.
pub const HELLO_MS: u64 = 10_000;
/// Bytes the kernel takes for one socket that it cannot send yet. Its own default is megabytes: a
/// thousand readers that stand still would hold gigabytes, and be noticed only when those are full.
pub const KERNEL_UNSENT_BYTES: u32 = 32 * 1024;
/// A write that makes no progress for this long closes the connection: the reader has stopped.
pub const STALLED_WRITE_MS: u64 = 10_000;
/// An HTTP request head, and each pause of a body, must end within this time (slowloris).
pub const REQUEST_HEAD_MS: u64 = 10_000;
/// Bytes that every such pause of a body must bring, or it is a slow attack by body.
pub const BODY_PACE_BYTES: usize = 4 * 1024;
/// A connection without a request under way is closed after this time: browsers open a new one.
pub const HTTP_IDLE_MS: u64 = 60_000;
/// Head of an HTTP request, and number of its headers: cookies and a long URL fit many times.
pub const HEAD_BYTES: u32 = 16 * 1024;
pub const HEADERS: usize = 100;
/// HTTP/2 streams of one connection at a time, and bytes of one stream on the way.
pub const HTTP2_STREAMS: u32 = 64;
pub const HTTP2_WINDOW_BYTES: u32 = 64 * 1024;
/// New connections of one address (of an IPv6 /64) a second and at once. An office behind one
/// address comes back within seconds; a flood does not get every core.
pub const CONNECTS_PER_SECOND: u32 = 100;
pub const CONNECTS_AT_ONCE: u32 = 500;
/// Addresses whose pace is remembered; past it those who may knock again are forgotten.
pub const KNOCKERS: usize = 4096;
/// Memory reckoned for one connection, kernel included, when their number is taken from RAM: TLS,
/// session and a part of its outbox.
pub const CONNECTION_BYTES: u64 = 64 * 1024;
/// TLS hellos answered at a time: each costs 0.2 ms of one core, the others wait their turn.
pub const HANDSHAKES: usize = 128;
/// A TLS handshake must end within this time.
pub const HANDSHAKE_MS: u64 = 10_000;

/// A sender may recall a message of theirs within this time.
pub const RECALL_MS: u64 = 2 * 60 * 1000;
/// Marks of one reader are journalled at most this often.
pub const MARK_INTERVAL_MS: u64 = 1_000;
/// Keys whose time is further from the server's are rate-limited.
pub const KEY_SKEW_MS: u64 = 24 * 60 * 60 * 1000;
/// Journal size: a ring of this many segments of this many bytes.
pub const JOURNAL_SEGMENTS: u32 = 4;
pub const JOURNAL_SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
/// Entries and bytes of one journal batch: bounds the time of one write and the memory behind it.
pub const BATCH_ENTRIES: usize = 1024;
pub const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Entries waiting for the writer; past it appends are refused with Busy.
pub const WRITER_QUEUE: usize = 8 * 1024;
/// Encoded bytes waiting for the writer: what a slow card takes in a few seconds.
pub const WRITER_QUEUE_BYTES: usize = 16 * 1024 * 1024;
/// Heads of feeds the writer remembers; a feed beyond is looked up in the database.
pub const FEED_HEADS: usize = 64 * 1024;
/// Keys of conversations that are drawn ahead, so that opening one costs no sync of its own: 16 KiB
/// at each start and for every 256th conversation.
pub const BODY_KEYS_DRAWN: u64 = 256;
/// Keys of conversations kept in memory, of half a kilobyte each: those of a few lists.
pub const BODY_KEYS_CACHED: usize = 1_024;
/// Items of one database transaction: bounds its memory and the time it takes.
pub const CHECKPOINT_ITEMS: usize = 32 * 1024;
/// Age of the last checkpoint at which many, or any, waiting items make a new one. A transaction
/// costs tens of kilobytes however small it is, which a card should not pay per message.
pub const CHECKPOINT_MS: u64 = 5_000;
pub const CHECKPOINT_MANY: u64 = 256;
pub const CHECKPOINT_LATEST_MS: u64 = 30_000;
/// Items let go of under one lock: the writer waits no longer than that.
pub const TAIL_SLICE: usize = 512;
/// How often a store that takes no writes tries again, and when its clients should.
pub const HEAL_MS: u64 = 1_000;
pub const READ_ONLY_RETRY_MS: u32 = 2_000;
pub const BUSY_RETRY_MS: u32 = 500;
/// redb's page cache; its own default of 1 GiB would not fit a 1 GB board.
pub const REDB_CACHE_BYTES: usize = 32 * 1024 * 1024;
/// Rows that a check of a running store looks at in one read: a few milliseconds.
pub const WALK_ROWS: usize = 512;
/// A check of a running store rests this many times as long as it works: a quarter of one core.
pub const WALK_REST: u32 = 3;
/// A rotation that met a full or failing disk goes on after this time.
pub const ROTATION_AGAIN_MS: u64 = 10_000;
/// Between two slices of the journal that the writer's thread overwrites: a rotation takes a tenth
/// of its time on a memory card.
pub const WIPE_REST_MS: u64 = 50;
/// How often a command that reads the whole store says how far it is: its caller takes a minute of
/// silence for the end.
pub const TELL_MS: u64 = 5_000;
/// How long a repair of a running store waits for the database to take what the journal holds.
pub const FLUSH_MS: u64 = 30_000;
/// Commands at the control socket at a time; those that read the whole store one at a time.
pub const COMMANDS: usize = 8;
/// Database reads at a time, so that history reads leave threads for each other.
pub const READ_PERMITS: usize = 8;

/// Largest attachment (a setting); an SD card and a phone's uplink set it.
pub const ATTACHMENT_BYTES: u64 = 20 * 1024 * 1024;
/// Attachment bytes of one conversation.
pub const CONVERSATION_BLOB_BYTES: u64 = 500 * 1024 * 1024;
/// An agent's picture, in bytes and in pixels of its longer side: it is shown 40 pixels wide, on
/// every page that has the widget. The console sends 256 pixels, about 20 KiB.
pub const PICTURE_BYTES: usize = 256 * 1024;
pub const PICTURE_SIDE: u32 = 1024;
/// Bytes of all agents' pictures. Former ones are kept, because history names them: enough for
/// two hundred agents with a dozen each.
pub const PICTURES_BYTES: u64 = 64 * 1024 * 1024;
/// New pictures of one agent a day: somebody who tries some out, not somebody who fills the room.
pub const PICTURES_A_DAY: usize = 10;
/// Pixels of an image: a decompression bomb is refused by its header.
pub const IMAGE_PIXELS: u64 = 50_000_000;
/// Free bytes and file entries below which an operator is warned: days of a busy desk.
pub const DISK_LOW_BYTES: u64 = 512 * 1024 * 1024;
pub const DISK_LOW_FILES: u64 = 1_000;
/// Free bytes below which the desk is not ready: one checkpoint may need this much.
pub const DISK_FULL_BYTES: u64 = 32 * 1024 * 1024;
/// Available memory below which an operator is warned: three times what the idle process takes.
pub const MEMORY_LOW_BYTES: u64 = 64 * 1024 * 1024;
/// Boxes that one table prepares, and bytes of it: what one person unpacks in a day.
pub const PROVISION_BOXES: usize = 1000;
pub const PROVISION_BYTES: usize = 1024 * 1024;
/// A processor this hot is near the 85 degrees at which boards slow down.
pub const BOARD_HOT_CELSIUS: i64 = 80;
/// Used life of a memory from which its end is announced.
pub const STORAGE_WORN_PERCENT: u32 = 80;
/// Fewer descriptors than this are too few for a desk.
pub const DESCRIPTORS_LEAST: u64 = 1_024;
/// A certificate's end is announced this long ahead: time to get another one by paper.
pub const CERTIFICATE_WARNING_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// An authority's end is announced this long ahead: time to go to each device that believes it.
pub const AUTHORITY_WARNING_MS: u64 = 365 * 24 * 60 * 60 * 1000;
/// An unclaimed site is worth a word after this time.
pub const UNCLAIMED_MS: u64 = 60 * 60 * 1000;
/// Descriptors kept free for files, the database and the control socket.
pub const RESERVED_DESCRIPTORS: u64 = 64;
/// Conversations an agent holds at a time unless the agent's own setting says otherwise.
pub const AGENT_CAPACITY: u32 = 5;
/// An assigned conversation that nobody answers goes back to the queue after this time.
pub const ANSWER_MS: u64 = 3 * 60 * 1000;

/// Wrong guesses that cost nothing; then the wait doubles from the shortest to the longest.
pub const LOCKOUT_FREE: u32 = 4;
pub const LOCKOUT_SHORTEST_MS: u64 = 1_000;
pub const LOCKOUT_LONGEST_MS: u64 = 15 * 60 * 1000;
/// Names and addresses with failures that are remembered: 1 MiB at most.
pub const LOCKOUT_KEPT: usize = 8 * 1024;
/// A body of a few kilobytes must be here within this time, however steadily it trickles.
pub const BODY_MS: u64 = 30_000;
/// The same for an attachment: the largest at 23 KiB/s.
pub const UPLOAD_MS: u64 = 15 * 60 * 1000;
/// Longest JSON body of the console's API: an inbox with its texts and origins.
pub const JSON_BYTES: usize = 64 * 1024;
/// Longest wait of a long poll: shorter than the patience of common proxies (30 s).
pub const POLL_MS: u64 = 25_000;
/// The same for an agent, who counts as gone by `AGENT_GONE_MS` after the last word: a third of
/// that is left for the answer's way and the next request's.
pub const AGENT_POLL_MS: u64 = AGENT_GONE_MS * 2 / 3;
/// Life of a sign-in, renewed by nothing: a working day must not end in the middle of a sentence.
pub const SIGN_IN_MS: u64 = 14 * 24 * 60 * 60 * 1000;
/// A sign-in stays on disk for this time after it expired, so that a clock that jumps ahead and
/// back ends nobody's day.
pub const SIGN_IN_KEPT_MS: u64 = 24 * 60 * 60 * 1000;
/// When expired sign-ins are looked for: soon after the start, then seldom.
pub const SWEEP_FIRST_MS: u64 = 60 * 1000;
pub const SWEEP_MS: u64 = 60 * 60 * 1000;
/// Sign-ins ended by one proposal: about 64 bytes each, far below a frame.
pub const SIGN_INS_AT_ONCE: usize = 500;
/// Characters of a password. Argon2 makes long ones no slower; the ceiling bounds the hash's input.
pub const PASSWORD_LEAST: usize = 10;
pub const PASSWORD_MOST: usize = 128;
/// First bytes of a file that its kind is found by, and that an image's size must stand in.
pub const SNIFF_BYTES: usize = 256 * 1024;
/// Longest side of an image in pixels.
pub const IMAGE_SIDE: u32 = 16_384;
/// Uploads of one address at a time: browsers send two or three.
pub const UPLOADS_PER_ADDRESS: usize = 4;
/// Long polls of one address at a time: a network that blocks WebSockets hides many behind one.
pub const POLLS: usize = 2_048;
/// People of a site, disabled ones included; the roster's snapshot must fit a connection's outbox.
pub const AGENTS: usize = 200;
/// Teams of a site: the roster's snapshot again.
pub const TEAMS: usize = 64;
/// Inboxes of a site: the roster's snapshot again.
pub const INBOXES: usize = 32;
/// Origins one inbox serves: an organisation's sites, not a directory of them.
pub const ORIGINS: usize = 16;
/// Conversations one agent can be set to hold: more than anybody reads.
pub const AGENT_CAPACITY_MOST: u32 = 100;
/// Range of the answer timeout: less would move conversations while an agent types, more is
/// "never".
pub const ANSWER_LEAST_MS: u32 = 10_000;
pub const ANSWER_MOST_MS: u32 = 24 * 60 * 60 * 1000;
/// Bytes of the last message that a conversation's row keeps for lists.
pub const ROW_PREVIEW_BYTES: usize = 120;
/// Longest language tag, in bytes (BCP 47 suggests room for 35).
pub const LANGUAGE_BYTES: usize = 35;
/// After GoingAway a connection is closed when its submits are answered, at the latest after this
/// time.
pub const DRAIN_MS: u64 = 2_000;
/// Typing previews of one peer are passed on at most this often.
pub const TYPING_INTERVAL_MS: u64 = 100;
/// Conversations of one connection whose marks are coalesced.
pub const MARKED_CONVERSATIONS: usize = 16;
/// A closing connection may take this long to say goodbye.
pub const CLOSE_MS: u64 = 3_000;
/// Connections that one entry wakes at once, and the rest before the next portion of a larger
/// crowd.
/// Each writes for 10 to 30 microseconds, so that others wait for a millisecond at most, and a
/// thousand followers have an entry within 50 ms. A crowd that is woken more often than that gets
/// several entries at a time.
pub const WAKE_PORTION: usize = 32;
pub const WAKE_REST_MS: u64 = 1;
/// Rounds of one connection before the others of its thread get their turn.
pub const TURN_INPUTS: usize = 64;
/// Conversations that nobody touched for this time leave a shard's memory.
pub const CONVERSATION_IDLE_MS: u64 = 10 * 60 * 1000;
/// How often a shard looks for them.
pub const SHARD_SWEEP_MS: u64 = 60 * 1000;
/// Commands waiting for one conversation: two senders with full windows.
pub const CONVERSATION_QUEUE: usize = 2 * SUBMITS_IN_FLIGHT;
/// A conversation takes one key that is far off the server's time in this interval.
pub const KEY_SKEW_INTERVAL_MS: u32 = 1_000;
/// Journal batches that wait for the publisher: then the writer waits, and senders with it.
pub const OUTCOME_BATCHES: usize = 64;
/// Inputs waiting for the front.
pub const FRONT_MAILBOX: usize = 1024;
/// Password hashes at a time: 19 MiB each.
pub const PASSWORD_CHECKS: usize = 2;
/// A routing proposal without effect is made again after this time.
pub const PROPOSAL_MS: u64 = 5_000;
/// An agent whose last console closed counts as present for this time: a reload takes seconds.
pub const AGENT_GONE_MS: u64 = 15_000;
/// What connections are told to wait when the desk restarts: the time of a restart.
pub const RESTART_MS: u32 = 1_000;
/// Connections that do not leave within this time are cut when the desk stops.
pub const DRAIN_PATIENCE_MS: u64 = 4_000;

/// One file of the audit log: what an editor opens. Past it, or after its days, the next begins.
pub const AUDIT_FILE_BYTES: u64 = 8 * 1024 * 1024;
pub const AUDIT_FILE_DAYS: u64 = 30;
/// Longest file of an audit log that is read: ours with room for a last batch.
pub const AUDIT_READ_BYTES: u64 = 2 * AUDIT_FILE_BYTES;
/// Audit lines that wait for their sync; whoever asks for more waits.
pub const AUDIT_QUEUE: usize = 256;
/// What an audit line is about, in bytes: a name, an address, a path.
pub const AUDIT_ABOUT_BYTES: usize = 512;
/// Sign-ins that fail, as lines of their own in one minute; the rest is counted in one line, so
/// that guessing does not fill the disk.
pub const AUDIT_FAILURES_A_MINUTE: u32 = 30;
/// Days that audit lines are kept: six months, the least that the Cybersecurity Law of the PRC
/// (article 21) asks for.
pub const AUDIT_DAYS_LEAST: u32 = 180;
/// Lines that one batch of the site's log is told of as durable.
pub const AUDIT_SETTLED: usize = 64;
/// Files that one look at the audit log reads: about a tenth of a second.
pub const AUDIT_PAGE_FILES: usize = 4;
/// Rows of one look at the audit log.
pub const AUDIT_ROWS: usize = 500;

/// A piece of a backup's rows ends behind one row of so many, when it is not too small, and is
/// never much larger: two media of a site that grows share all but the last pieces.
pub const BACKUP_CUT_ROWS: u64 = 1_024;
pub const BACKUP_PIECE_LEAST: usize = 128 * 1024;
pub const BACKUP_PIECE_MOST: usize = 2 * 1024 * 1024;
/// Times that a backup is tried when files change while they are copied.
pub const BACKUP_ATTEMPTS: u32 = 3;
/// Segments of the store that a backup is opened as.
pub const BACKUP_SCRATCH_SEGMENT_BYTES: u64 = 256 * 1024;
/// How often the desk looks whether a backup is due and its medium is there.
pub const BACKUP_LOOK_MS: u64 = 60 * 1000;
/// A backup that failed is tried again after this time.
pub const BACKUP_AGAIN_MS: u64 = 15 * 60 * 1000;
/// Least and most hours between two backups, and how many are kept and for how many days.
pub const BACKUP_HOURS: (u32, u32) = (1, 8_760);
pub const BACKUP_KEEP: (u32, u32) = (1, 1_000);
pub const BACKUP_KEEP_DAYS: (u32, u32) = (1, 36_500);
/// Keys of one kind that a machine trusts: the present one and the next, for a rotation.
pub const BUNDLE_KEYS: usize = 2;
/// Manifest of a bundle: a page of JSON, read before anything is known of who made it.
pub const BUNDLE_MANIFEST_BYTES: u32 = 16 * 1024;
/// Kernel file of a bundle: four of them fit on the boot partition of 256 MiB: two slots, the
/// bundle, and one that an earlier bundle left.
pub const BUNDLE_KERNEL_BYTES: u64 = 60 * 1024 * 1024;
