import assert from 'node:assert/strict';
import test from 'node:test';
import { deviceName } from '../details/device.ts';
import { agentFrom, conversationFrom, toJson } from '../state/wire-json.ts';
import { WORDS } from '../words.ts';

test('every sentence is there in both languages with the same blanks', () => {
  const blanks = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort().join();
  for (const [key, [en, zh]] of Object.entries(WORDS)) {
    assert.ok(en && zh, key);
    assert.equal(blanks(en), blanks(zh), key);
  }
});

test('rows of the JSON API get the names and numbers the feeds use, and go back', () => {
  const agent = agentFrom({ id: 1, login: 'a', role: 'owner', teams: [1], disabled: false });
  assert.equal(agent.role, 3);
  assert.deepEqual(toJson({ role: 2, offlineGreeting: 'x' }), {
    role: 'supervisor',
    offline_greeting: 'x',
  });
  const row = conversationFrom({
    id: 'c',
    state: 'resolved',
    last_ms: 5,
    profile: { page_title: 't' },
  });
  assert.deepEqual([row.state, row.lastMs, row.profile?.pageTitle], [3, 5, 't']);
});

test('a device is named by its most particular browser', () => {
  const wechat = 'Mozilla/5.0 (Linux; Android 14; X) Chrome/122.0 Mobile MicroMessenger/8.0.49';
  assert.equal(deviceName(wechat), 'WeChat 8 · Android 14');
  const edge = 'Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/120.0 Safari/537.36 Edg/120.0';
  assert.equal(deviceName(edge), 'Edge 120 · Windows 10/11');
  assert.equal(deviceName('curl/8'), 'curl/8');
});
