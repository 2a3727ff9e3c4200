// Who the visitor is in this browser: token, conversation and the inbox's face, kept in localStorage
// of the page's origin. Only POST /v1/visitor makes a token.

/** What the server says of the inbox. */
export interface Face {
  name: string;
  greeting: string;
  offline_greeting: string;
  color: string;
}

export interface Saved {
  token?: string;
  conversation?: string;
  /** The conversation has messages: connect at page load. */
  begun?: boolean;
  /** Whose entries `read` and `unrated` count. */
  epoch?: string;
  /** Highest index that was shown. */
  read?: number;
  face?: Face;
  /** Last index of the conversation when the visitor did not want to rate it. */
  unrated?: number;
}

interface Answer {
  token: string;
  conversation?: string;
  inbox: Face;
  site: { name: string };
  staffed: boolean;
}

export class Visitor {
  saved: Saved = {};
  staffed = true;
  readonly #slot: string;
  readonly #base: string;
  readonly #inbox: string;

  constructor(base: string, inbox: string) {
    this.#base = base;
    this.#inbox = inbox;
    this.#slot = `posthouse ${base} ${inbox}`;
    try {
      this.saved = (JSON.parse(localStorage.getItem(this.#slot)!) as Saved | null) ?? {};
    } catch {
      // No storage: a new visitor on every page.
    }
  }

  keep(change: Saved): void {
    Object.assign(this.saved, change);
    try {
      localStorage.setItem(this.#slot, JSON.stringify(this.saved));
    } catch {
      // As above.
    }
  }

  /** Asks the server for the inbox's face and, when there is none, a token. Throws when refused. */
  async enter(): Promise<Answer> {
    const { token } = this.saved;
    const answer = await fetch(
      `${this.#base}/v1/visitor?inbox=${encodeURIComponent(this.#inbox)}`,
      {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ inbox: this.#inbox, token }),
      },
    );
    const told = (await answer.json()) as Answer;
    if (!answer.ok) throw told;
    this.staffed = told.staffed;
    this.keep({
      token: told.token,
      face: { ...told.inbox, name: told.inbox.name || told.site.name },
    });
    if (told.conversation && !this.saved.begun) {
      this.keep({ conversation: told.conversation, begun: true });
    }
    return told;
  }
}
