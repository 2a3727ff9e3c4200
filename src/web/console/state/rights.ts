// What each role may do, as far as screens differ by it. The server's table is the original; it
// refuses whatever a screen offers by mistake.
import { computed } from '@preact/signals';
import {
  ROLE_AGENT,
  ROLE_AUDIT_ADMINISTRATOR,
  ROLE_OWNER,
  ROLE_SECURITY_ADMINISTRATOR,
  ROLE_SUPERVISOR,
  ROLE_SYSTEM_ADMINISTRATOR,
} from '../../shared/gen/posthouse.ts';
import { me } from './desk.ts';

export type Right = 'converse' | 'lead' | 'settings' | 'accounts' | 'roles' | 'audit';

const TABLE: Record<number, readonly Right[]> = {
  [ROLE_AGENT]: ['converse'],
  [ROLE_SUPERVISOR]: ['converse', 'lead'],
  [ROLE_OWNER]: ['converse', 'lead', 'settings', 'accounts', 'roles', 'audit'],
  [ROLE_SYSTEM_ADMINISTRATOR]: ['settings', 'accounts'],
  [ROLE_SECURITY_ADMINISTRATOR]: ['roles'],
  [ROLE_AUDIT_ADMINISTRATOR]: ['audit'],
};

/** The three that share an owner's duties; they see no conversation. */
export const administers = (role: number) => role > ROLE_OWNER;

/** Whether who is signed in has one of these rights. */
export function may(...rights: Right[]): boolean {
  const own = TABLE[me.value?.role ?? 0] ?? [];
  return rights.some((right) => own.includes(right));
}

/** Whether who is signed in answers visitors at all. */
export const converses = computed(() => may('converse'));
