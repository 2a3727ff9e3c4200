// The main job in a real browser: a visitor writes in the widget, an agent answers in the console, and
// killing the server or closing the tab loses and doubles nothing.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { NARROW, WIDE, shoot } from './browser.mjs';
import { picture } from './picture.mjs';
import { PASSWORD, story, watch } from './stage.mjs';

/** All script and style that a page loads until its first text message is sent, gzipped. */
const WIDGET_BYTES = 15 * 1024;

for (const language of ['en', 'zh'])
  story('the main job', language, (stage, step) => {
    const { desk, widget } = stage;

    step('the one-time code claims the site', async () => {
      const page = (stage.console = await stage.agent.newPage());
      await page.goto(`${stage.url}/setup#code=${stage.server.code()}`);
      await page.getByLabel(desk.siteName).fill(language === 'zh' ? '驿站商店' : 'Post shop');
      await page.getByLabel(desk.ownerLogin).fill('owner');
      const secrets = page.locator('input[type=password]');
      await secrets.nth(0).fill(PASSWORD);
      await secrets.nth(1).fill(PASSWORD);
      await shoot(page, `setup-${language}`, WIDE, NARROW);
      await page.getByRole('button', { name: desk.claim }).click();
      await page.getByText(desk.doneTitle).waitFor();
      await shoot(page, `ready-${language}`, WIDE, NARROW);
      await page.getByRole('button', { name: desk.openConsole }).click();
      await page.getByRole('button', { name: desk.menu }).waitFor();
    });

    step('a second claim with the same code is refused', async () => {
      const code = stage.server.code();
      const answered = await stage.agent.request.post(`${stage.url}/v1/setup`, {
        data: { code, owner: 'thief', password: PASSWORD, site: 'x', language: 'en' },
        headers: { Origin: stage.url },
      });
      assert.ok(answered.status() >= 400, `${answered.status()}`);
    });

    step('the agent signs out and in again', async () => {
      const page = stage.console;
      await page.getByRole('button', { name: desk.menu }).click();
      await page.getByRole('menuitem', { name: desk.signOut }).click();
      await page.locator('input[name=username]').waitFor();
      await shoot(page, `sign-in-${language}`, WIDE, NARROW);
      await stage.signIn(page, 'owner');
    });

    step('a first message is never off the screen, and costs at most 15 KiB', async () => {
      const page = (stage.page = await stage.visitor.newPage());
      // What is asked for is let through when it is known whether the message was sent by then.
      const loaded = [];
      await page.route(/\/widget(\.js|\/)/, async (route) => {
        const sent = await page.locator('posthouse-widget .row.own:not(.wait)').count();
        const answer = await route.fetch();
        if (!sent) loaded.push(gzipSync(await answer.body(), { level: 9 }).length);
        await route.fulfill({ response: answer });
      });
      await page.goto(`${stage.url}/demo`);
      await page.getByRole('button', { name: widget.open }).click();
      await shoot(page, `widget-empty-${language}`, NARROW, WIDE);
      const bubbles = '.row.own .body';
      const watched = await watch(page, 'posthouse-widget', bubbles, 'hello from the visitor');
      await stage.write('hello from the visitor');
      await stage.once(stage.inWidget('hello from the visitor'), 'the message');
      await stage.settled();
      await page.getByRole('button', { name: widget.recall }).waitFor();
      const { elements, gaps, looks } = await watched();
      assert.ok(looks > 2, `${looks}`);
      assert.deepEqual({ elements, gaps }, { elements: 1, gaps: 0 });
      const sum = loaded.reduce((a, b) => a + b, 0);
      assert.ok(loaded.length > 0 && sum <= WIDGET_BYTES, `${loaded.join(' + ')} = ${sum}`);
      await page.unroute(/\/widget(\.js|\/)/);
    });

    step('the agent answers', async () => {
      await stage.pick();
      await stage.once(stage.inConsole('hello from the visitor'), 'the message');
      const watched = await watch(stage.console, '#app', '.says .bubble', 'hello from the agent');
      await stage.answer('hello from the agent');
      await stage.once(stage.inWidget('hello from the agent'), 'the answer');
      await stage.once(stage.inConsole('hello from the agent'), 'the answer');
      const own = stage.page.locator('posthouse-widget .row.own .meta', { hasText: widget.read });
      await own.waitFor();
      await stage.console.locator('.says-side', { hasText: desk.read }).waitFor();
      assert.equal((await watched()).gaps, 0);
      await shoot(stage.page, `widget-${language}`, NARROW, WIDE);
      await shoot(stage.console, `console-${language}`, WIDE, NARROW);
    });

    step('the agent sees what the visitor types', async () => {
      const box = stage.page.getByPlaceholder(widget.write);
      await box.pressSequentially('half a sentence', { delay: 20 });
      await stage.console.getByText('half a sentence').first().waitFor();
      await box.fill('');
    });

    step('pictures go both ways', async () => {
      const chooser = stage.page.waitForEvent('filechooser');
      await stage.page.getByRole('button', { name: widget.attach }).click();
      await (await chooser).setFiles(picture('from-visitor.png', [40, 120, 200]));
      const seen = stage.console.locator('.bubble.picture img[alt="from-visitor.png"]');
      await seen.waitFor();
      const input = stage.console.locator('.composer input[type=file]');
      await input.setInputFiles(picture('from-agent.png', [200, 90, 40]));
      const got = stage.page.locator('posthouse-widget .row img[alt="from-agent.png"]');
      await got.waitFor();
      for (const image of [seen, got]) {
        await image.scrollIntoViewIfNeeded();
        await image.evaluate((it) => it.complete || new Promise((done) => (it.onload = done)));
        assert.equal(await image.evaluate((it) => it.naturalWidth), 120);
      }
      await shoot(stage.page, `widget-pictures-${language}`, NARROW, WIDE);
      await shoot(stage.console, `console-pictures-${language}`, WIDE, NARROW);
    });

    step('markup in a message stays text', async () => {
      const evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
      await stage.write(evil);
      await stage.once(stage.inConsole(evil), 'the markup');
      await stage.answer(evil);
      await stage.inWidget(evil).nth(1).waitFor();
      for (const on of [stage.page, stage.console])
        assert.equal(await on.evaluate(() => window.hit), undefined);
    });

    step('kill -9 between sends loses and doubles nothing', async () => {
      const said = [];
      for (let n = 0; n < 4; n += 1) {
        await stage.write(`before kill ${n}`);
        await stage.answer(`answer before kill ${n}`);
        await stage.server.kill();
        await stage.write(`while dead ${n}`);
        await stage.answer(`answer while dead ${n}`);
        await stage.server.start();
        await stage.write(`after kill ${n}`);
        said.push(`before kill ${n}`, `while dead ${n}`, `after kill ${n}`);
        said.push(`answer before kill ${n}`, `answer while dead ${n}`);
        await stage.inConsole(`while dead ${n}`).waitFor({ timeout: 40_000 });
        await stage.inWidget(`answer while dead ${n}`).waitFor({ timeout: 40_000 });
      }
      await stage.settled();
      for (const text of said) {
        await stage.once(stage.inConsole(text), `${text} (console)`);
        await stage.once(stage.inWidget(text), `${text} (widget)`);
      }
    });

    step('both see the same order', async () => {
      const texts = async (locator) =>
        (await locator.allTextContents()).filter((text) => /(kill|dead) \d$/.test(text));
      const mine = await texts(stage.page.locator('posthouse-widget .row .body'));
      const theirs = await texts(stage.console.locator('.says .bubble'));
      assert.equal(mine.length, 20);
      assert.deepEqual(mine, theirs);
    });

    step('what was written before the tab closed is sent when it opens again', async () => {
      await stage.server.kill();
      await stage.write('written before the tab closed');
      await stage.inWidget('written before the tab closed').waitFor();
      await stage.page.close();
      await stage.server.start();
      await stage.visit();
      await stage.once(stage.inWidget('written before the tab closed'), 'the message');
      await stage.inConsole('written before the tab closed').waitFor({ timeout: 40_000 });
      await stage.once(stage.inConsole('written before the tab closed'), 'the message');
      await stage.once(stage.inWidget('hello from the visitor'), 'the history');
    });

    step('two tabs show the same and double nothing', async () => {
      const first = stage.page;
      const second = await stage.visit();
      await stage.write('from the first tab', first);
      await stage.write('from the second tab', second);
      await stage.answer('to both tabs');
      for (const on of [first, second]) {
        for (const text of ['from the first tab', 'from the second tab', 'to both tabs'])
          await stage.once(stage.inWidget(text, on), text);
      }
      await stage.once(stage.inConsole('from the first tab'), 'the first');
      await stage.once(stage.inConsole('from the second tab'), 'the second');
      await first.close();
      await stage.write('after the leader has gone');
      await stage.once(stage.inConsole('after the leader has gone'), 'the message');
      await shoot(stage.console, `console-end-${language}`, WIDE, NARROW);
    });
  });
