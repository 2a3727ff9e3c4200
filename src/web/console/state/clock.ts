// One clock for the whole console: a signal that ticks each second while the page is visible, and
// the server's time, which waiting times are counted in.
import { signal } from '@preact/signals';
import { dayNumber } from './days.ts';
import { language, t } from './language.ts';

/** Server time minus browser time, from Welcome. */
let skewMs = 0;
export const nowMs = signal(Date.now());

export function setServerTime(serverMs: number): void {
  skewMs = serverMs - Date.now();
  nowMs.value = serverMs;
}

const tick = () => (nowMs.value = Date.now() + skewMs);
setInterval(() => document.hidden || tick(), 1000);
document.addEventListener('visibilitychange', () => document.hidden || tick());

/** "0:42", "12:05", "3 h", "2 d": how long something has lasted. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }
  if (seconds < 86400) return t('hours', { n: Math.floor(seconds / 3600) });
  return t('days', { n: Math.floor(seconds / 86400) });
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(kind: string, options: Intl.DateTimeFormatOptions, ms: number): string {
  const key = language.value + kind;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(language.value === 'zh' ? 'zh-CN' : 'en-GB', options);
    formats.set(key, made);
  }
  return made.format(ms);
}

export const hourMinute = (ms: number) =>
  format('time', { hour: '2-digit', minute: '2-digit', hour12: false }, ms);

export const dateTime = (ms: number) =>
  format('full', { dateStyle: 'medium', timeStyle: 'short', hour12: false } as const, ms);

/** "Today", "Yesterday", or the date with its weekday. */
export function dayName(ms: number): string {
  const ago = dayNumber(nowMs.peek()) - dayNumber(ms);
  if (ago === 0) return t('today');
  if (ago === 1) return t('yesterday');
  const options = { year: 'numeric', month: 'short', day: 'numeric', weekday: 'short' } as const;
  return format('day', options, ms);
}

/** The time today, the day before: short, for lists. */
export function listTime(ms: number): string {
  if (!ms) return '';
  const ago = dayNumber(nowMs.peek()) - dayNumber(ms);
  if (ago === 0) return hourMinute(ms);
  if (ago === 1) return t('yesterday');
  return format('date', { month: 'numeric', day: 'numeric' }, ms);
}
