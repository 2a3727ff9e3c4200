// The main job in a real browser: a visitor writes in the widget, an agent answers in the console, and
// killing the server or closing the tab loses and doubles nothing.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { NARROW, WIDE, launch, person, shoot } from './browser.mjs';
import { picture } from './picture.mjs';
import { Desk } from './process.mjs';

const PASSWORD = 'correct horse battery staple';
const WORDS = {
  en: {
    code: 'One-time code', site: 'Name of the site', owner: 'Your sign-in name', again: 'The same again',
    claim: 'Set up', ready: 'Your desk is ready', console: 'Open the console', menu: 'Menu',
    out: 'Sign out', in: 'Sign in', answer: 'Write an answer', note: 'Write a note that only agents see',
    modeNote: 'Note', take: 'Take', open: 'Open chat', write: 'Write a message…', attach: 'Attach a file',
    sending: 'Sending', queue: 'Queue', read: 'Read',
  },
  zh: {
    code: '一次性代码', site: '站点名称', owner: '您的登录名', again: '再次输入',
    claim: '完成设置', ready: '服务台已就绪', console: '进入控制台', menu: '菜单',
    out: '退出登录', in: '登录', answer: '输入回复', note: '输入仅客服可见的备注',
    modeNote: '备注', take: '接待', open: '打开客服窗口', write: '输入消息…', attach: '添加图片或文件',
    sending: '发送中', queue: '排队', read: '已读',
  },
};

for (const language of ['en', 'zh']) {
  const say = WORDS[language];
  describe(`the main job in ${language}`, { concurrency: false }, () => {
    let browser, desk, agent, agentPage, visitor, page;

    before(async () => {
      browser = await launch();
      desk = await Desk.fresh(`desk-${language}`);
      await desk.start();
      agent = await person(browser, language, WIDE);
      visitor = await person(browser, language, NARROW);
    });
    after(async () => {
      await browser?.close();
      await desk?.kill();
    });

    /** One step of the story: a failure keeps the screens, and ends the story. */
    let broken = '';
    const step = (name, tell) =>
      test(name, async () => {
        if (broken) throw new Error(`after "${broken}" failed`);
        try {
          await tell();
        } catch (error) {
          broken = name;
          if (agentPage) await shoot(agentPage, `failed-console-${language}`);
          if (page) await shoot(page, `failed-widget-${language}`);
          throw error;
        }
      });

    /** Bubbles of the visitor's or the agent's screen with exactly this text. */
    const inWidget = (text, on = page) =>
      on.locator('posthouse-widget .row .body').getByText(text, { exact: true });
    const inConsole = (text) => agentPage.locator('.says .bubble').getByText(text, { exact: true });
    const once = async (locator, what) => {
      await locator.first().waitFor();
      // While a sent message gives way to its row the page may be drawn anew: it may be looked for
      // again, but it never stands twice.
      for (let tries = 0; tries < 20; tries += 1) {
        const count = await locator.count();
        assert.ok(count <= 1, `${what} stands ${count} times`);
        if (count === 1) return;
        await locator.first().waitFor();
      }
      assert.fail(`${what} does not stay`);
    };
    const write = async (text, on = page) => {
      const box = on.getByPlaceholder(say.write);
      await box.fill(text);
      await box.press('Enter');
    };
    const answer = async (text) => {
      const box = agentPage.getByPlaceholder(say.answer);
      await box.fill(text);
      await box.press('Enter');
    };
    /** A widget's page with the panel open. */
    const visit = async () => {
      const opened = await visitor.newPage();
      page = opened;
      await opened.goto(`${desk.url}/demo`);
      await opened.getByRole('button', { name: say.open }).click();
      await opened.getByPlaceholder(say.write).waitFor();
      return opened;
    };
    /** Nothing of the visitor waits for the server any more. */
    const settled = (on = page) =>
      on.locator('posthouse-widget .row.wait').first().waitFor({ state: 'detached' });

    step('the one-time code claims the site', async () => {
      agentPage = await agent.newPage();
      await agentPage.goto(`${desk.url}/setup#code=${desk.code()}`);
      await agentPage.getByLabel(say.site).fill(language === 'zh' ? '驿站商店' : 'Post shop');
      await agentPage.getByLabel(say.owner).fill('owner');
      const secrets = agentPage.locator('input[type=password]');
      await secrets.nth(0).fill(PASSWORD);
      await secrets.nth(1).fill(PASSWORD);
      await shoot(agentPage, `setup-${language}`, WIDE, NARROW);
      await agentPage.getByRole('button', { name: say.claim }).click();
      await agentPage.getByText(say.ready).waitFor();
      await shoot(agentPage, `ready-${language}`, WIDE, NARROW);
      await agentPage.getByRole('button', { name: say.console }).click();
      await agentPage.getByRole('button', { name: say.menu }).waitFor();
    });

    step('a second claim with the same code is refused', async () => {
      const answered = await agent.request.post(`${desk.url}/v1/setup`, {
        data: { code: desk.code(), owner: 'thief', password: PASSWORD, site: 'x', language: 'en' },
        headers: { Origin: desk.url },
      });
      assert.ok(answered.status() >= 400, `${answered.status()}`);
    });

    step('the agent signs out and in again', async () => {
      await agentPage.getByRole('button', { name: say.menu }).click();
      await agentPage.getByRole('menuitem', { name: say.out }).click();
      await agentPage.locator('input[name=username]').fill('owner');
      await agentPage.locator('input[name=password]').fill(PASSWORD);
      await shoot(agentPage, `sign-in-${language}`, WIDE, NARROW);
      await agentPage.getByRole('button', { name: say.in, exact: true }).click();
      await agentPage.getByRole('button', { name: say.menu }).waitFor();
    });

    step('a visitor writes and the agent answers', async () => {
      await visit();
      await shoot(page, `widget-empty-${language}`, NARROW, WIDE);
      await write('hello from the visitor');
      await once(inWidget('hello from the visitor'), 'the message');
      await settled();
      await agentPage.locator('button.row').first().click();
      await once(inConsole('hello from the visitor'), 'the message');
      const take = agentPage.getByRole('button', { name: say.take, exact: true });
      if (await take.isVisible()) await take.click();
      await answer('hello from the agent');
      await once(inWidget('hello from the agent'), 'the answer');
      await once(inConsole('hello from the agent'), 'the answer');
      await page.locator('posthouse-widget .row.own .meta', { hasText: say.read }).waitFor();
      await shoot(page, `widget-${language}`, NARROW, WIDE);
      await shoot(agentPage, `console-${language}`, WIDE, NARROW);
    });

    step('the agent sees what the visitor types', async () => {
      await page.getByPlaceholder(say.write).pressSequentially('half a sentence', { delay: 20 });
      await agentPage.getByText('half a sentence').first().waitFor();
      await page.getByPlaceholder(say.write).fill('');
    });

    step('a note stays among agents', async () => {
      await agentPage.getByRole('radio', { name: say.modeNote, exact: true }).click();
      const box = agentPage.getByPlaceholder(say.note);
      await box.fill('a secret of the house');
      await box.press('Enter');
      await inConsole('a secret of the house').waitFor();
      await agentPage.getByRole('radio').first().click();
      await answer('after the note');
      await inWidget('after the note').waitFor();
      assert.equal(await inWidget('a secret of the house').count(), 0);
    });

    step('pictures go both ways', async () => {
      const chooser = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: say.attach }).click();
      await (await chooser).setFiles(picture('from-visitor.png', [40, 120, 200]));
      const seen = agentPage.locator('.bubble.picture img[alt="from-visitor.png"]');
      await seen.waitFor();
      await agentPage.locator('.composer input[type=file]').setInputFiles(picture('from-agent.png', [200, 90, 40]));
      const got = page.locator('posthouse-widget .row img[alt="from-agent.png"]');
      await got.waitFor();
      for (const image of [seen, got]) {
        await image.scrollIntoViewIfNeeded();
        await image.evaluate((element) => element.complete || new Promise((done) => (element.onload = done)));
        assert.equal(await image.evaluate((element) => element.naturalWidth), 120);
      }
      await shoot(page, `widget-pictures-${language}`, NARROW, WIDE);
      await shoot(agentPage, `console-pictures-${language}`, WIDE, NARROW);
    });

    step('markup in a message stays text', async () => {
      const evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
      await write(evil);
      await once(inConsole(evil), 'the markup');
      await answer(evil);
      await once(inWidget(evil).last(), 'the markup');
      for (const on of [page, agentPage]) assert.equal(await on.evaluate(() => window.hit), undefined);
    });

    step('kill -9 between sends loses and doubles nothing', async () => {
      const said = [];
      for (let n = 0; n < 4; n += 1) {
        await write(`before kill ${n}`);
        await answer(`answer before kill ${n}`);
        await desk.kill();
        await write(`while dead ${n}`);
        await answer(`answer while dead ${n}`);
        await desk.start();
        await write(`after kill ${n}`);
        said.push(`before kill ${n}`, `while dead ${n}`, `after kill ${n}`);
        said.push(`answer before kill ${n}`, `answer while dead ${n}`);
        await inConsole(`while dead ${n}`).waitFor({ timeout: 40_000 });
        await inWidget(`answer while dead ${n}`).waitFor({ timeout: 40_000 });
      }
      await settled();
      for (const text of said) {
        await once(inConsole(text), `${text} (console)`);
        await once(inWidget(text), `${text} (widget)`);
      }
    });

    step('both see the same order', async () => {
      const texts = async (locator) =>
        (await locator.allTextContents()).filter((text) => /(kill|dead) \d$/.test(text));
      const mine = await texts(page.locator('posthouse-widget .row .body'));
      const theirs = await texts(agentPage.locator('.says .bubble'));
      assert.equal(mine.length, 20);
      assert.deepEqual(mine, theirs);
    });

    step('what was written before the tab closed is sent when it opens again', async () => {
      await desk.kill();
      await write('written before the tab closed');
      await inWidget('written before the tab closed').waitFor();
      await page.close();
      await desk.start();
      await visit();
      await once(inWidget('written before the tab closed'), 'the message');
      await inConsole('written before the tab closed').waitFor({ timeout: 40_000 });
      await once(inConsole('written before the tab closed'), 'the message');
      await once(inWidget('hello from the visitor'), 'the history');
    });

    step('two tabs show the same and double nothing', async () => {
      const first = page;
      const second = await visit();
      page = first;
      await write('from the first tab');
      await write('from the second tab', second);
      await answer('to both tabs');
      for (const on of [page, second]) {
        for (const text of ['from the first tab', 'from the second tab', 'to both tabs']) {
          await once(inWidget(text, on), text);
        }
      }
      await once(inConsole('from the first tab'), 'the first');
      await once(inConsole('from the second tab'), 'the second');
      await page.close();
      page = second;
      await write('after the leader has gone');
      await once(inConsole('after the leader has gone'), 'the message');
      await shoot(agentPage, `console-end-${language}`, WIDE, NARROW);
    });

    step('no page threw an error', () => {
      assert.deepEqual([...agent.errors, ...visitor.errors], []);
    });
  });
}
