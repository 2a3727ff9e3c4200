// A data folder that is put back from a copy: what both sides know of the time after the copy counts
// entries that are no more. And a page whose second script could not be had once.
import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { NARROW, WIDE, shoot } from './browser.mjs';
import { story } from './stage.mjs';

/** The index that a ClientFrame's bytes mark as read, in a list; empty when it marks nothing. */
function markIn(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  // Field 5 of ClientFrame; in it conversation (1), delivered (3), read (4).
  if (bytes[at++] !== 0x2a) return [];
  const places = [0];
  for (const end = varint() + at; at < end;) {
    const tag = varint();
    const value = varint();
    if (tag % 8 === 2) at += value;
    else places.push(value);
  }
  return [Math.max(...places)];
}

for (const language of ['en', 'zh']) {
  story('put back from a copy', language, (stage, step) => {
    const { desk, widget } = stage;
    const folder = () => `${stage.server.folder}/data`;
    const copy = () => `${stage.server.folder}/copy`;
    let old = 0;
    const own = (text) => stage.page.locator('posthouse-widget .row.own', { hasText: text });
    const agentsRow = (text) => stage.console.locator('.says', { hasText: text }).last();

    const makeCopy = async () => {
      await stage.server.kill();
      const filter = (name) => !name.endsWith('.sock');
      cpSync(folder(), copy(), { recursive: true, filter });
      await stage.server.start();
    };
    const putBack = async () => {
      await stage.server.kill();
      rmSync(folder(), { recursive: true });
      renameSync(copy(), folder());
      await stage.server.start();
    };
    /** Highest index that each mark of either side named, until they are taken out. */
    const marks = [];
    const listen = (context) =>
      context.on('page', (page) =>
        page.on('websocket', (socket) =>
          socket.on('framesent', ({ payload }) => marks.push(...markIn(payload))),
        ),
      );

    step('both talk, and a copy is made', async () => {
      for (const context of [stage.agent, stage.visitor]) listen(context);
      await stage.claim();
      await stage.visit();
      await stage.write('before the copy');
      await stage.settled();
      await stage.pick();
      await stage.answer('answered before the copy');
      await stage.once(stage.inWidget('answered before the copy'), 'the answer');
      await makeCopy();
    });

    step('they talk on, and all is read', async () => {
      for (const text of ['lost one', 'lost two', 'lost three']) await stage.write(text);
      await stage.inConsole('lost three').waitFor({ timeout: 40_000 });
      for (const text of ['lost four', 'lost five', 'lost six']) await stage.answer(text);
      await stage.inWidget('lost six').waitFor({ timeout: 40_000 });
      await own('lost three').locator('.meta', { hasText: widget.read }).waitFor();
      await agentsRow('lost six').locator('.says-side', { hasText: desk.read }).waitFor();
    });

    step('the copy is put back', async () => {
      // The agent looks at no conversation, and the visitor's page is open.
      await stage.console.goto(`${stage.url}/#/settings/account`);
      old = Math.max(...marks.splice(0));
      await putBack();
      await stage.inWidget('lost six').waitFor({ state: 'detached', timeout: 40_000 });
      await stage.once(stage.inWidget('answered before the copy'), 'the history');
    });

    step('a new message is not read before somebody reads it', async () => {
      await stage.write('after the copy');
      await stage.settled();
      await stage.page.waitForTimeout(2_000);
      const state = own('after the copy').locator('.meta');
      assert.ok(!(await state.textContent()).includes(widget.read), await state.textContent());
      await shoot(stage.page, `copy-widget-${language}`, NARROW, WIDE);
      await stage.console.goto(`${stage.url}/#/`);
      await stage.pick();
      await stage.inConsole('after the copy').waitFor();
      assert.equal(await stage.inConsole('lost six').count(), 0);
      await state.filter({ hasText: widget.read }).waitFor();
    });

    step('an answer is not read while the widget is closed', async () => {
      await stage.page.getByRole('button', { name: widget.close }).click();
      await stage.answer('answered after the copy');
      await stage.page.locator('posthouse-widget .launch b', { hasText: '1' }).waitFor();
      await stage.console.waitForTimeout(2_000);
      const side = agentsRow('answered after the copy').locator('.says-side');
      assert.ok(!(await side.textContent()).includes(desk.read), await side.textContent());
      await shoot(stage.console, `copy-console-${language}`, WIDE, NARROW);
      await stage.page.getByRole('button', { name: widget.open }).click();
      await side.filter({ hasText: desk.read }).waitFor();
    });

    step('no mark of the time after the copy was sent', () => {
      // There are fewer entries now than were marked then.
      assert.ok(marks.length > 1, `${marks.length}`);
      assert.ok(Math.max(...marks) < old, `${marks} and ${old}`);
    });

    step('a copy is put back while the visitor is away and the agent looks on', async () => {
      await makeCopy();
      await stage.inWidget('answered after the copy').waitFor();
      for (const text of ['gone one', 'gone two', 'gone three']) await stage.answer(text);
      await stage.inWidget('gone three').waitFor({ timeout: 40_000 });
      await agentsRow('gone three').locator('.says-side', { hasText: desk.read }).waitFor();
      await stage.page.close();
      old = Math.max(...marks.splice(0));
      await putBack();
      await stage.inConsole('gone three').waitFor({ state: 'detached', timeout: 40_000 });
      for (const text of ['new one', 'new two']) await stage.answer(text);
      await stage.once(stage.inConsole('new two'), 'the answer');
    });

    step('what the visitor has not seen is counted, and not read', async () => {
      stage.page = await stage.visitor.newPage();
      await stage.page.goto(`${stage.url}/demo`);
      await stage.page.locator('posthouse-widget .launch b', { hasText: '2' }).waitFor();
      await stage.console.waitForTimeout(2_000);
      for (const text of ['new one', 'new two']) {
        const side = await agentsRow(text).locator('.says-side').textContent();
        assert.ok(!side.includes(desk.read), side);
      }
      const known = await agentsRow('answered after the copy').locator('.says-side').textContent();
      assert.ok(known.includes(desk.read), known);
      await stage.page.getByRole('button', { name: widget.open }).click();
      await agentsRow('new two').locator('.says-side', { hasText: desk.read }).waitFor();
      assert.ok(marks.length > 0 && Math.max(...marks) < old, `${marks} and ${old}`);
      await stage.write('and on it goes');
      await stage.once(stage.inConsole('and on it goes'), 'the message');
      await stage.settled();
    });
  });

  story('a script that could not be had', language, (stage, step) => {
    const { widget } = stage;
    const extra = /\/widget\/extra-/;

    step('a press is the visitor to repeat, and a link is made when it can be', async () => {
      await stage.claim();
      await stage.visit();
      await stage.write('hello');
      await stage.pick();
      await stage.settled();
      await stage.visitor.close();
      stage.visitor = await stage.person(NARROW);
      stage.page = await stage.visitor.newPage();
      let refused = 0;
      await stage.page.route(extra, (route) => (refused++, route.abort()));
      await stage.page.goto(`${stage.url}/demo`);
      await stage.page.getByRole('button', { name: widget.open }).click();
      await stage.write('see http://127.0.0.1/page');
      const bubble = stage.page.locator('posthouse-widget .row.own .body');
      await bubble.waitFor();
      await stage.settled();
      await stage.page.getByRole('button', { name: widget.emoji }).click();
      await stage.page.locator('posthouse-widget .banner', { hasText: widget.reconnecting }).waitFor();
      assert.ok(refused > 0);
      assert.equal(await bubble.locator('a').count(), 0);
      await bubble.evaluate((node) => (window.kept = node));
      await stage.page.unroute(extra);
      await bubble.locator('a').waitFor();
      assert.ok(await bubble.evaluate((node) => window.kept === node), 'the same bubble');
      await stage.page.getByRole('button', { name: widget.recall }).waitFor();
      await stage.page.getByRole('button', { name: widget.emoji }).click();
      await stage.page.locator('posthouse-widget .emoji button').first().waitFor();
    });
  });
}
