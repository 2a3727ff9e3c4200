// A round with the first letters of a name. A visitor's has the waiting ring: full = the answer
// limit.
import type { AgentRow, ConversationRow } from '../../shared/gen/posthouse.ts';
import { nowMs } from '../state/clock.ts';
import { answerLimitMs, visitorMark } from '../state/desk.ts';

const HUES = 8;

/** Initials: the last one or two Han characters of a Chinese name, else the first letters. */
export function initials(name: string): string {
  const han = name.match(/\p{Script=Han}/gu);
  if (han) return han.slice(-2).join('');
  const parts = name.trim().split(/\s+/);
  const last = parts.length > 1 ? parts.at(-1)! : '';
  return `${[...(parts[0] ?? '')][0] ?? ''}${[...last][0] ?? ''}`.toUpperCase();
}

function hueOf(seed: string): number {
  let sum = 0;
  for (const letter of seed) sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
  return sum % HUES;
}

/** How far a wait has come: the share of the answer limit, and whether it is over. */
export function waitOf(sinceMs: number): { share: number; look: '' | 'wait' | 'late' } {
  if (!sinceMs) return { share: 0, look: '' };
  const share = (nowMs.value - sinceMs) / answerLimitMs.value;
  return { share: Math.max(0.02, Math.min(1, share)), look: share >= 1 ? 'late' : 'wait' };
}

interface VisitorProps {
  row: ConversationRow;
  waitingSinceMs?: number;
  here?: boolean;
  size?: '' | 'large';
}

export function VisitorFace({ row, waitingSinceMs = 0, here = false, size = '' }: VisitorProps) {
  const seed = row.visitor || row.id;
  const shown = initials(row.profile?.name ?? '') || visitorMark(row).slice(0, 2);
  return (
    <span class={`face ${size}`} aria-hidden="true">
      {size === '' && waitingSinceMs > 0 && <Ring sinceMs={waitingSinceMs} />}
      <span class={`disc hue-${hueOf(seed)}`}>{shown}</span>
      {here && <span class="here" />}
    </span>
  );
}

function Ring({ sinceMs }: { sinceMs: number }) {
  const { share, look } = waitOf(sinceMs);
  return (
    <svg class={`ring ${look}`} viewBox="0 0 42 42">
      <circle class="track" cx="21" cy="21" r="19.5" />
      <circle
        class="run"
        cx="21"
        cy="21"
        r="19.5"
        pathLength={100}
        stroke-dasharray={`${Math.round(share * 100)} 200`}
      />
    </svg>
  );
}

interface AgentProps {
  agent: Pick<AgentRow, 'name' | 'avatar'>;
  own?: boolean;
  size?: 'tiny' | 'small' | 'large';
}

/** The picture, over the initials that stand there until it has come, or when it does not come. */
export function AgentFace({ agent, own = false, size = 'small' }: AgentProps) {
  const { name, avatar } = agent;
  const safe = /^\/[^/]/.test(avatar);
  return (
    <span class={`face ${size}`} aria-hidden="true">
      <span class={`disc ${own ? 'hue-own' : `hue-${hueOf(name)}`}`}>
        {initials(name)}
        {safe && <img key={avatar} src={avatar} alt="" />}
      </span>
    </span>
  );
}
