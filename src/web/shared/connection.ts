// The way to the server: one WebSocket that comes back by itself, HTTP where sockets do not get
// through. Knows endpoints, heartbeat and backoff; what frames mean is the session's affair.
import { backoff, honoured } from './backoff.ts';
import { decode, encode, type Part } from './codec.ts';
import { ClientFrame, FrameList, ServerFrame, type Cursor, type Hello } from './gen/posthouse.ts';
import type { Link, SessionOptions } from './api.ts';

/** A socket must reach Welcome, and answer a ping, within these times. */
const WELCOME_MS = 10_000;
const PONG_MS = 5_000;
const PING_LEAST_MS = 10_000;
/** Sockets that failed before Welcome until HTTP is tried, and how often a socket is tried then. */
const SOCKET_TRIES = 3;
const PROBE_MS = 60_000;
const BAD_TOKEN = 1104;

interface Hooks {
  hello(): Part<Hello>;
  cursors(): Part<Cursor>[];
  frame(frame: ServerFrame): void;
  link(link: Link): void;
  /** One round of HTTP: what the followed feeds miss; waits for news when `wait`. */
  poll(wait: boolean): Promise<void>;
  /** Frames can be sent (true) or can no longer (false). */
  ready(ready: boolean): void;
}

export class Connection {
  link: Link = { state: 'idle', transport: 'socket' };
  readonly #options: SessionOptions;
  readonly #hooks: Hooks;
  #endpoints: { base: string; failures: number }[];
  #token: string | undefined;
  /** 1 = the server refused the token, a new one is to be asked for; 2 = the new one is in use. */
  #rejected: 0 | 1 | 2 = 0;
  #notBefore = 0;
  #running = false;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #socketFailures = 0;
  #interval = PING_LEAST_MS;
  #slowest = PING_LEAST_MS;

  constructor(options: SessionOptions, hooks: Hooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#endpoints = [{ base: options.base, failures: 0 }];
  }

  start(): void {
    this.#running = true;
    addEventListener('online', this.#wake);
    document.addEventListener('visibilitychange', this.#wake);
    void this.#connect();
  }

  stop(): void {
    this.#running = false;
    removeEventListener('online', this.#wake);
    document.removeEventListener('visibilitychange', this.#wake);
    clearTimeout(this.#timer);
    this.#drop();
    this.#show({ state: 'idle' });
  }

  send(frame: Part<ClientFrame>): boolean {
    if (this.link.state !== 'live') return false;
    if (this.link.transport === 'http') this.post([frame]).catch(() => {});
    else this.#socket!.send(encode(ClientFrame, frame) as BufferSource);
    return true;
  }

  async post(client: Part<ClientFrame>[]): Promise<void> {
    const body = encode(FrameList, { client }) as BodyInit;
    const headers = { 'Content-Type': 'application/x-protobuf' };
    await this.frames('/v1/frames', { method: 'POST', headers, body });
  }

  /** Hands each frame of the answer to the session, unless it came too late to be `wanted`. */
  async frames(path: string, init?: RequestInit, wanted = () => true): Promise<void> {
    const answer = await this.request(path, init);
    if (!answer.ok) throw new Error(`${answer.status}`);
    const { server } = decode(FrameList, new Uint8Array(await answer.arrayBuffer()));
    if (wanted()) server.forEach(this.#hooks.frame);
  }

  async request(path: string, init?: RequestInit): Promise<Response> {
    const { url, headers } = await this.locate(path);
    return fetch(url, { ...init, headers: { ...headers, ...(init?.headers as object) } });
  }

  async locate(path: string): Promise<{ url: string; headers: Record<string, string> }> {
    const { token, inboxKey } = this.#options;
    const url = this.#best().base + path;
    if (!token) return { url, headers: {} };
    this.#token ??= await token(false);
    return {
      url: `${url}${path.includes('?') ? '&' : '?'}inbox=${encodeURIComponent(inboxKey!)}`,
      headers: { Authorization: `Bearer ${this.#token}` },
    };
  }

  /** The endpoint with the fewest failures; of equals the one the server named first. */
  #best(): { base: string; failures: number } {
    return this.#endpoints.reduce((best, next) => (next.failures < best.failures ? next : best));
  }

  #wake = (): void => {
    if (document.hidden) return;
    const asked = this.#notBefore - Date.now();
    if (this.link.state === 'waiting') this.#later(Math.max(backoff(0), asked));
    else if (this.link.state === 'live' && this.#socket) this.#ping();
  };

  async #connect(): Promise<void> {
    if (!this.#running) return;
    if (this.link.state !== 'live') this.#show({ state: 'connecting' });
    try {
      const { token } = this.#options;
      const renew = this.#rejected === 1;
      if (token && (renew || !this.#token)) this.#token = await token(renew);
      if (renew) this.#rejected = 2;
      if (this.#socketFailures < SOCKET_TRIES) this.#dial();
      else void this.#poll();
    } catch {
      this.#failed();
    }
  }

  #dial(): void {
    const { base } = this.#best();
    const socket = new WebSocket(`${base.replace(/^http/, 'ws')}/v1/ws`, 'posthouse.v1');
    this.#drop();
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      const hello = { ...this.#hooks.hello(), visitorToken: this.#token ?? '' };
      socket.send(encode(ClientFrame, { hello }) as BufferSource);
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#heard(new Uint8Array(event.data as ArrayBuffer));
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#closed(event.code, event.reason);
    };
    this.#heartbeat = setTimeout(() => this.#closed(0, ''), WELCOME_MS);
  }

  #heard(bytes: Uint8Array): void {
    let frame: ServerFrame;
    try {
      frame = decode(ServerFrame, bytes);
    } catch {
      return this.#closed(0, '');
    }
    const { welcome, refused, goingAway } = frame;
    if (welcome) {
      this.#rejected = 0;
      this.#failures = this.#socketFailures = 0;
      this.#slowest = Math.max(welcome.pingIntervalMs, PING_LEAST_MS);
      this.#interval = Math.max(this.#interval, this.#slowest);
      if (this.#options.token) this.#learn(welcome.endpoints);
      this.#show({ state: 'live', transport: 'socket' });
    }
    if (refused && !refused.key) {
      const { code, sentence } = refused;
      this.link = { ...this.link, code, sentence };
    }
    if (goingAway) this.link = { ...this.link, retryAtMs: Date.now() + goingAway.retryAfterMs };
    if (frame.pong || welcome) this.#beat();
    this.#hooks.frame(frame);
    if (welcome) this.#hooks.ready(true);
  }

  #learn(bases: string[]): void {
    if (!bases.length) return;
    const old = this.#endpoints;
    this.#endpoints = bases.map((base) => ({
      base,
      failures: old.find((known) => known.base === base)?.failures ?? 0,
    }));
  }

  /** The next ping is due after the interval; each answer brings the interval back to the server's. */
  #beat(): void {
    clearTimeout(this.#heartbeat);
    this.#heartbeat = setTimeout(() => this.#ping(), this.#interval);
    this.#interval = Math.min(this.#slowest, this.#interval * 1.25);
  }

  #ping(): void {
    if (this.#socket?.readyState !== 1) return;
    this.#socket.send(
      encode(ClientFrame, { ping: { cursors: this.#hooks.cursors() } }) as BufferSource,
    );
    clearTimeout(this.#heartbeat);
    this.#heartbeat = setTimeout(() => {
      // The path died without a word: look more often from now on.
      this.#interval = Math.max(PING_LEAST_MS, this.#interval / 2);
      this.#closed(0, '');
    }, PONG_MS);
  }

  #closed(code: number, reason: string): void {
    const welcomed = this.link.state === 'live' && this.link.transport === 'socket';
    const polling = this.link.state === 'live' && !welcomed;
    let told: { code?: number; retry_after_ms?: number; sentence?: string } = {};
    try {
      told = JSON.parse(reason) as typeof told;
    } catch {
      // No reason: the network, or a proxy.
    }
    this.#drop();
    const { code: why = this.link.code, sentence = this.link.sentence } = told;
    if (code >= 4500 && code < 5000) {
      if (why !== BAD_TOKEN || !this.#options.token || this.#rejected === 2) {
        this.#hooks.ready(false);
        return this.#show({ state: 'refused', code: why, sentence });
      }
      this.#rejected = 1;
    } else if (!welcomed) this.#socketFailures++;
    if (polling) return;
    const asked = told.retry_after_ms || (this.link.retryAtMs ?? 0) - Date.now();
    if (welcomed) this.#hooks.ready(false);
    const wait = asked > 0 ? honoured(asked) : 0;
    this.#notBefore = Date.now() + wait;
    if (wait) this.#later(wait, why, sentence);
    else if (welcomed || this.#socketFailures === SOCKET_TRIES)
      this.#later(backoff(0), why, sentence);
    else this.#failed(why, sentence);
  }

  /** Long polls until a socket reaches Welcome again or HTTP fails, too. A socket is tried at once: it
   * may have been the server that was away, and not the sockets that are blocked. */
  async #poll(): Promise<void> {
    let probe = 0;
    const polling = () => {
      const { state, transport } = this.link;
      return this.#running && state !== 'refused' && !(transport === 'socket' && state === 'live');
    };
    try {
      for (let first = true; polling(); first = false) {
        await this.#hooks.poll(!first);
        if (!polling()) return;
        if (first) {
          this.#failures = 0;
          this.#show({ state: 'live', transport: 'http' });
          this.#hooks.ready(true);
        }
        if (Date.now() > probe) {
          probe = Date.now() + PROBE_MS;
          this.#dial();
        }
      }
    } catch {
      if (!polling()) return;
      this.#socketFailures = 0;
      this.#drop();
      this.#hooks.ready(false);
      this.#failed();
    }
  }

  #failed(code?: number, sentence?: string): void {
    this.#best().failures++;
    this.#later(backoff(this.#failures++), code, sentence);
  }

  #later(ms: number, code?: number, sentence?: string): void {
    clearTimeout(this.#timer);
    if (!this.#running) return;
    this.#show({ state: 'waiting', retryAtMs: Date.now() + ms, code, sentence });
    this.#timer = setTimeout(() => void this.#connect(), ms);
  }

  #drop(): void {
    clearTimeout(this.#heartbeat);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #show(link: Partial<Link> & { state: Link['state'] }): void {
    this.link = { transport: this.link.transport, ...link };
    this.#hooks.link(this.link);
  }
}
