// Sound, title and desktop notification for what needs an answer. The tones are made, not loaded.
import { effect, signal } from '@preact/signals';
import type { Entry } from '../../shared/gen/posthouse.ts';
import { inboxFeed } from '../../shared/id.ts';
import { me, openId, rows, site, visitorName } from './desk.ts';
import { remember, remembered } from './kept.ts';
import { t } from './language.ts';
import { previewOf } from './rows.ts';
import { unreadTotal } from './unread.ts';

export const soundOn = signal(remembered('sound') !== 'off');
export const notifyOn = signal(
  remembered('notify') === 'on' &&
    'Notification' in window &&
    Notification.permission === 'granted',
);

let audio: AudioContext | undefined;

/** Two soft tones; higher for a message, lower for a new conversation. */
function ring(frequencies: [number, number]): void {
  audio ??= new AudioContext();
  void audio.resume();
  frequencies.forEach((frequency, at) => {
    const start = audio!.currentTime + at * 0.13;
    const tone = audio!.createOscillator();
    const volume = audio!.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.12, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.32);
    tone.connect(volume).connect(audio!.destination);
    tone.start(start);
    tone.stop(start + 0.34);
  });
}

export function toggleSound(): void {
  soundOn.value = !soundOn.value;
  remember('sound', soundOn.value ? 'on' : 'off');
  if (soundOn.value) ring([660, 880]);
}

/** Asks the browser for permission on the way; false when the reader or the browser said no. */
export async function toggleNotify(): Promise<boolean> {
  if (notifyOn.value) {
    notifyOn.value = false;
    remember('notify', 'off');
    return true;
  }
  if (!('Notification' in window)) return false;
  notifyOn.value = (await Notification.requestPermission()) === 'granted';
  remember('notify', notifyOn.value ? 'on' : 'off');
  return notifyOn.value;
}

/** A live entry of a followed list: a visitor's message to me, or somebody new in the queue. */
export function announce(feed: string, entry: Entry): void {
  const own = me.peek()?.id ?? 0;
  const toMe = feed === inboxFeed(own);
  const message = toMe && entry.author?.visitor !== undefined ? entry.message : undefined;
  const given = toMe && entry.assigned?.agent === own && entry.author?.agent !== own;
  if (!message && !given && !entry.queued) return;
  const watched = openId.peek() === entry.conversation && document.hasFocus();
  if (watched) return;
  if (soundOn.peek()) ring(message ? [660, 880] : [523, 659]);
  if (notifyOn.peek() && !document.hasFocus()) {
    const name = visitorName(rows.peek().get(entry.conversation));
    const body = message ? previewOf(message) : t(given ? 'givenToYou' : 'waitsInQueue');
    show(name, body, entry.conversation);
  }
}

function show(title: string, body: string, conversation: string): void {
  try {
    const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]')?.href ?? '';
    const note = new Notification(title, { body, tag: conversation, icon });
    note.onclick = () => {
      window.focus();
      location.hash = `#/c/${conversation}`;
      note.close();
    };
  } catch {
    // Android shows notifications only from a service worker.
    notifyOn.value = false;
  }
}

effect(() => {
  const count = unreadTotal.value;
  const name = site.value.name || 'Posthouse';
  document.title = count > 0 ? `(${count}) ${name}` : name;
});
