// Files on their way to a conversation: each is uploaded, then sent as a message of its own.
import { effect, signal } from '@preact/signals';
import { type Problem, problemOf, upload } from '../state/api.ts';
import { me } from '../state/desk.ts';
import { submit } from '../state/live.ts';
import { complain } from '../state/toasts.ts';
import { t } from '../state/language.ts';

export interface Upload {
  id: number;
  conversation: string;
  file: File;
  /** 0 to 1. */
  part: number;
  problem?: Problem;
  abort: AbortController;
}

/** The server's own limit is a setting; this stops what could never pass. */
const MOST_AT_ONCE = 10;
let last = 0;
export const uploads = signal<readonly Upload[]>([]);

const change = (id: number, to: Partial<Upload>) =>
  (uploads.value = uploads.value.map((item) => (item.id === id ? { ...item, ...to } : item)));

// Nothing of it is for who signs in next.
effect(() => {
  if (!me.value) for (const { id } of uploads.peek()) dropUpload(id);
});

export function dropUpload(id: number): void {
  uploads.value.find((item) => item.id === id)?.abort.abort();
  uploads.value = uploads.value.filter((item) => item.id !== id);
}

export function addFiles(conversation: string, files: Iterable<File> | null | undefined): void {
  const list = [...(files ?? [])];
  if (list.length > MOST_AT_ONCE) {
    complain({
      code: 0,
      what: t('tooManyFiles', { n: MOST_AT_ONCE }),
      remedy: '',
      retry_after_ms: 0,
    });
  }
  for (const file of list.slice(0, MOST_AT_ONCE)) {
    const item = { id: ++last, conversation, file, part: 0, abort: new AbortController() };
    uploads.value = [...uploads.value, item];
    void run(item);
  }
}

export function retryUpload(item: Upload): void {
  const { problem: _, ...rest } = item;
  const again = { ...rest, part: 0, abort: new AbortController() };
  uploads.value = uploads.value.map((other) => (other.id === item.id ? again : other));
  void run(again);
}

async function run({ id, conversation, file, abort }: Upload): Promise<void> {
  try {
    const stored = await upload(conversation, file, (part) => change(id, { part }), abort.signal);
    const { blob, name, size, width, height } = stored;
    const attachment = { blob, name, mediaType: stored.media_type, size, width, height };
    await submit(conversation, { message: { attachment } });
    dropUpload(id);
  } catch (error) {
    if (!abort.signal.aborted) change(id, { problem: problemOf(error) });
  }
}
