// Who is signed in, and what the page should show: first run, sign-in, or the desk.
import { signal } from '@preact/signals';
import type { AgentRow, SiteRow } from '../../shared/gen/posthouse.ts';
import { api, ApiError, type Problem, problemOf, signedOut } from './api.ts';
import { me, site } from './desk.ts';
import { suggestLanguage } from './language.ts';
import { startDesk, stopDesk } from './live.ts';
import { agentFrom, siteFrom } from './wire-json.ts';

export type Stage = 'loading' | 'setup' | 'sign-in' | 'desk' | 'unreachable';
export const stage = signal<Stage>('loading');
/** Why the page could not begin. */
export const trouble = signal<Problem | null>(null);

interface Me {
  agent: AgentRow;
  site: SiteRow;
}

/** Finds out where the reader stands; called once, and by "try again". */
export async function begin(): Promise<void> {
  stage.value = 'loading';
  try {
    const setup = await api<{ claimed: boolean; name: string; language: string }>(
      'GET',
      '/v1/setup',
    );
    suggestLanguage(setup.language);
    site.value = { ...site.value, name: setup.name, language: setup.language };
    if (!setup.claimed) stage.value = 'setup';
    else welcome(await api<Me>('GET', '/v1/me'));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) stage.value = 'sign-in';
    else {
      trouble.value = problemOf(error);
      stage.value = 'unreachable';
    }
  }
}

export async function signIn(login: string, password: string): Promise<void> {
  welcome(await api<Me>('POST', '/v1/sign-in', { login, password }));
}

/** The agent that the connection's certificate names; null when there is none. */
export async function certificateHolder(): Promise<string | null> {
  try {
    return (await api<{ certificate: string | null }>('GET', '/v1/sign-in')).certificate;
  } catch {
    return null;
  }
}

export async function signInByCertificate(): Promise<void> {
  welcome(await api<Me>('POST', '/v1/sign-in/certificate'));
}

/** Reads who is signed in after the first run has made an owner. */
export async function enter(): Promise<void> {
  welcome(await api<Me>('GET', '/v1/me'));
}

function welcome(answer: Me): void {
  me.value = agentFrom(answer.agent);
  site.value = siteFrom(answer.site);
  suggestLanguage(site.value.language);
  stage.value = 'desk';
  void startDesk();
}

/** Ends the sign-in here and on the server, and deletes what the browser kept. */
export async function signOut(): Promise<void> {
  await api('POST', '/v1/sign-out').catch(() => undefined);
  await leave();
}

async function leave(): Promise<void> {
  await stopDesk(true);
  me.value = null;
  stage.value = 'sign-in';
}

// The server says that the sign-in is over: another place ended it, or its time has come.
signedOut.subscribe(() => {
  if (stage.peek() === 'desk') void leave();
});
