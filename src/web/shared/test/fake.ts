// A server in memory for the session's tests: one conversation feed, an fsync that always works.
import { decode, encode, type Part } from '../codec.ts';
import { ClientFrame, Entry, type Mark, ServerFrame, type Submit } from '../gen/posthouse.ts';

export const EPOCH = 'e0'.repeat(16);

export class FakeServer {
  epoch = EPOCH;
  entries: { raw: Uint8Array; key: string }[] = [];
  submits: Submit[] = [];
  /** Marks that came, and those that snapshots carry. */
  marked: Mark[] = [];
  marks: Part<Mark>[] = [];
  hellos: ClientFrame[] = [];
  sockets = new Set<FakeSocket>();
  /** Sockets are refused while down; acks are swallowed while mute. */
  down = false;
  mute = false;
  conversation = '';

  install(): void {
    const server = this;
    Object.assign(globalThis, {
      WebSocket: class extends FakeSocket {
        constructor() {
          super(server);
        }
      },
      navigator: {},
      document: { addEventListener() {}, removeEventListener() {}, hidden: false },
      addEventListener() {},
      removeEventListener() {},
    });
  }

  append(entry: Part<Entry>): number {
    const full = { conversation: this.conversation, ...entry };
    this.entries.push({ raw: encode(Entry, full), key: entry.key ?? '' });
    const index = this.entries.length;
    this.deliver(index);
    return index;
  }

  deliver(index: number): void {
    for (const socket of this.sockets) if (socket.follows) socket.send1(this.delivery(index));
  }

  delivery(index: number): Part<ServerFrame> {
    return { delivery: { feed: this.feed(), index, entry: this.entries[index - 1]!.raw } };
  }

  feed() {
    return { kind: 1, id: this.conversation };
  }

  serve(socket: FakeSocket, frame: ClientFrame): void {
    const { hello, submit, follow, mark } = frame;
    if (mark) this.marked.push(mark);
    if (hello) {
      this.hellos.push(frame);
      socket.send1({ welcome: { epoch: this.epoch, pingIntervalMs: 30_000 } });
    }
    for (const cursor of hello?.cursors ?? follow?.cursors ?? []) {
      socket.follows = true;
      const after = cursor.epoch === this.epoch ? cursor.index : this.entries.length;
      if (cursor.epoch !== this.epoch) {
        const entries = this.entries.map(
          (_, at) => this.delivery(at + 1).delivery! as Part<ServerFrame>['delivery'],
        );
        const snapshot = {
          feed: this.feed(),
          epoch: this.epoch,
          index: this.entries.length,
          marks: this.marks,
          entries,
        };
        socket.send1({ snapshot } as Part<ServerFrame>);
      }
      for (let at = after + 1; at <= this.entries.length; at++) socket.send1(this.delivery(at));
      socket.send1({
        caughtUp: { feed: this.feed(), epoch: this.epoch, index: this.entries.length },
      });
    }
    if (submit) {
      this.submits.push(submit);
      this.conversation = submit.conversation;
      const prior = this.entries.findIndex(({ key }) => key === submit.key) + 1;
      const { key, conversation } = submit;
      const index = prior || this.append({ key, message: { text: submit.command?.message?.text } });
      if (!this.mute) socket.send1({ ack: { conversation, key, index } });
    }
  }

  cut(code = 1006, reason = ''): void {
    for (const socket of [...this.sockets]) socket.end(code, reason);
  }
}

class FakeSocket {
  readyState = 0;
  follows = false;
  onopen?: () => void;
  onmessage?: (event: { data: ArrayBuffer }) => void;
  onclose?: (event: { code: number; reason: string }) => void;

  server: FakeServer;

  constructor(server: FakeServer) {
    this.server = server;
    queueMicrotask(() => {
      if (server.down) return this.end(1006, '');
      server.sockets.add(this);
      this.readyState = 1;
      this.onopen?.();
    });
  }

  send(bytes: Uint8Array): void {
    const frame = decode(ClientFrame, bytes);
    queueMicrotask(() => this.server.serve(this, frame));
  }

  send1(frame: Part<ServerFrame>): void {
    const data = encode(ServerFrame, frame).buffer as ArrayBuffer;
    queueMicrotask(() => this.onmessage?.({ data }));
  }

  close(): void {
    this.server.sockets.delete(this);
  }

  end(code: number, reason: string): void {
    this.close();
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}
