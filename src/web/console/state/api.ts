// The JSON half of the server's API. Errors carry the server's own sentence, reason and remedy.
import { signal } from '@preact/signals';
import { language, t } from './language.ts';

/** What the server says when it refuses; `what` and `remedy` are in the reader's language. */
export interface Problem {
  code: number;
  /** The code's name, when the server said it. */
  name?: string;
  what: string;
  remedy: string;
  retry_after_ms: number;
  /** Name of the field that is wrong, when one is. */
  field?: string;
}

export class ApiError extends Error {
  readonly problem: Problem;
  readonly status: number;
  constructor(status: number, problem: Problem) {
    super(problem.what);
    this.status = status;
    this.problem = problem;
  }
}

/** Rises when an answer says that nobody is signed in any more. */
export const signedOut = signal(0);

/** The problem behind anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  return { code: 0, what: t('unreachable'), remedy: t('unreachableRemedy'), retry_after_ms: 0 };
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** A `Blob` goes as it is, anything else as JSON. */
export async function api<T>(method: Method, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { 'Accept-Language': language.value };
  const file = body instanceof Blob;
  if (method !== 'GET') headers['Content-Type'] = file ? 'application/octet-stream' : 'application/json';
  const init: RequestInit = { method, headers, credentials: 'same-origin' };
  if (method !== 'GET') init.body = file ? body : JSON.stringify(body ?? {});
  const response = await fetch(path, init);
  if (!response.ok) throw await refusal(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function refusal(response: Response): Promise<ApiError> {
  const problem = parseProblem(await response.text(), response.status);
  if (problem.name === 'SIGN_IN_FIRST') signedOut.value += 1;
  return new ApiError(response.status, problem);
}

function parseProblem(text: string, status: number): Problem {
  try {
    const value = JSON.parse(text) as Partial<Problem>;
    if (typeof value.what === 'string') {
      return { code: 0, remedy: '', retry_after_ms: 0, ...value, what: value.what };
    }
  } catch {
    // Not from this server: a proxy's page.
  }
  const what = t('strangeAnswer', { status });
  return { code: 0, what, remedy: t('unreachableRemedy'), retry_after_ms: 0 };
}

/** A stored file, as `POST /v1/blobs` answers. */
export interface StoredFile {
  blob: string;
  name: string;
  media_type: string;
  size: number;
  width: number;
  height: number;
}

/** Sends a file of a conversation; `progress` gets 0 to 1. Aborting rejects with an AbortError. */
export function upload(
  conversation: string,
  file: File,
  progress: (part: number) => void,
  abort: AbortSignal,
): Promise<StoredFile> {
  const query = new URLSearchParams({ conversation, name: file.name });
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/v1/blobs?${query}`);
    request.setRequestHeader('Accept-Language', language.value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        resolve(JSON.parse(request.responseText) as StoredFile);
      } else
        reject(new ApiError(request.status, parseProblem(request.responseText, request.status)));
    };
    request.onerror = () => reject(new TypeError('network'));
    request.onabort = () => reject(new DOMException('', 'AbortError'));
    abort.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

/** Where the browser gets an attachment of a conversation. */
export function blobUrl(conversation: string, blob: string): string {
  return `/v1/blobs/${blob}?conversation=${conversation}`;
}
