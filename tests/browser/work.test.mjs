// A day at the desk: two agents, a visitor, pictures, notes, transfers, recall, resolving, rating,
// reopening, and a visitor who comes when nobody is there.
import assert from 'node:assert/strict';
import { NARROW, WIDE, shoot } from './browser.mjs';
import { picture } from './picture.mjs';
import { story } from './stage.mjs';

for (const language of ['en', 'zh'])
  story('a day at the desk', language, (stage, step) => {
    const { desk, widget } = stage;
    const name = language === 'zh' ? '安娜' : 'Anna Smith';
    let anna;
    let avatar = '';

    const status = async (page, word) => {
      await page.getByRole('button', { name: desk.ownStatus }).click();
      await page.getByRole('menuitemradio', { name: word }).first().click();
    };
    const press = (page, word) => page.getByRole('button', { name: word, exact: true }).click();
    const inHeader = (page) => page.locator('posthouse-widget header');
    const line = (text) => stage.page.locator('posthouse-widget .line', { hasText: text }).last();

    step('an agent has a picture', async () => {
      await stage.claim();
      anna = await stage.colleague('anna', name);
      await anna.goto(`${stage.url}/#/settings/account`);
      const input = anna.locator('.picture-field input[type=file]');
      await input.setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('no') });
      await anna.getByRole('alert').getByText('(2029)').waitFor();
      await shoot(anna, `account-refused-${language}`, WIDE, NARROW);
      await input.setInputFiles(picture('anna.png', [160, 60, 120], 900));
      const face = anna.locator('.picture-field img');
      await face.waitFor();
      await face.evaluate((it) => it.decode());
      assert.equal(await face.evaluate((it) => it.naturalWidth), 256);
      avatar = await face.getAttribute('src');
      await anna.getByRole('alert').waitFor({ state: 'detached' });
      await shoot(anna, `account-${language}`, WIDE, NARROW);
      await anna.goto(`${stage.url}/#/`);
      await anna.locator(`.bar img[src="${avatar}"]`).waitFor();
    });

    step('the visitor sees who answers', async () => {
      await status(stage.console, desk.statusAway);
      await stage.visit();
      await stage.write('a question');
      await line(name).waitFor();
      const face = inHeader(stage.page).locator('img');
      await face.evaluate((it) => it.decode());
      assert.equal(await face.evaluate((it) => it.naturalWidth), 256);
      await stage.pick(anna);
      await stage.answer('an answer', anna);
      await stage.once(stage.inWidget('an answer'), 'the answer');
      await shoot(stage.page, `widget-face-${language}`, NARROW, WIDE);
    });

    step('a visitor without the right to it gets no other picture, and old ones stay', async () => {
      const plain = await stage.visitor.request.get(stage.url + avatar);
      assert.equal(plain.status(), 200);
      assert.match(plain.headers()['cache-control'], /immutable/);
      assert.equal(plain.headers()['x-content-type-options'], 'nosniff');
      const wrong = await stage.visitor.request.get(`${stage.url}/v1/avatars/${'0'.repeat(31)}1`);
      assert.equal(wrong.status(), 404);
    });

    step('a note stays among agents', async () => {
      await anna.getByRole('radio', { name: desk.modeAnswer, exact: true }).focus();
      await anna.keyboard.press('ArrowRight');
      const box = anna.getByPlaceholder(desk.writeNote);
      await box.fill('a secret of the house');
      await box.press('Enter');
      await stage.inConsole('a secret of the house', anna).waitFor();
      await anna.getByRole('radio', { name: desk.modeAnswer, exact: true }).click();
      await stage.answer('after the note', anna);
      await stage.inWidget('after the note').waitFor();
      assert.equal(await stage.inWidget('a secret of the house').count(), 0);
    });

    step('the visitor takes a message back', async () => {
      await stage.write('my card number is 1234');
      await stage.once(stage.inConsole('my card number is 1234', anna), 'the message');
      const row = stage.page.locator('posthouse-widget .row', { hasText: 'my card number' });
      await row.getByRole('button', { name: widget.recall }).click();
      await stage.page.getByText(widget.recalled).waitFor();
      await anna.locator('.bubble.gone', { hasText: desk.recalled }).waitFor();
      assert.equal(await stage.inWidget('my card number is 1234').count(), 0);
      assert.equal(await stage.inConsole('my card number is 1234', anna).count(), 0);
      // The keyboard is where it was useful last.
      await stage.page.keyboard.type('and on');
      assert.equal(await stage.page.getByPlaceholder(widget.write).inputValue(), 'and on');
      await stage.page.getByPlaceholder(widget.write).fill('');
      await shoot(stage.page, `widget-recalled-${language}`, NARROW, WIDE);
    });

    step('the conversation is transferred to an agent, and to a team', async () => {
      await press(anna, desk.transfer);
      await shoot(anna, `transfer-${language}`, WIDE, NARROW);
      await anna.getByRole('dialog').getByRole('button', { name: 'owner' }).click();
      await line('owner').waitFor();
      await stage.page.getByText(widget.transferred).waitFor();
      assert.equal(await inHeader(stage.page).locator('img').isVisible(), false);
      await stage.console.getByRole('tab', { name: desk.tabMine }).click();
      await stage.pick();
      await stage.once(stage.inConsole('a secret of the house'), 'the note');
      await stage.console.locator('.says-head img').first().waitFor();
      await shoot(stage.console, `console-colleague-${language}`, WIDE, NARROW);
      await press(stage.console, desk.transfer);
      const team = stage.console.getByRole('dialog').getByRole('button').last();
      await team.click();
      await inHeader(stage.page).getByText(name).waitFor();
    });

    step('it is resolved, and the visitor rates it', async () => {
      await stage.pick(anna);
      await press(anna, desk.resolve);
      await stage.page.getByText(widget.resolved).waitFor();
      await stage.page.getByText(widget.rateTitle).waitFor();
      const stars = widget.stars.replace('{}', '4');
      await stage.page.getByRole('button', { name: stars }).click();
      await stage.page.getByPlaceholder(widget.comment).fill('quick and kind');
      await shoot(stage.page, `widget-rating-${language}`, NARROW, WIDE);
      await stage.page.getByRole('button', { name: widget.submit, exact: true }).first().click();
      await stage.page.getByText(widget.rated).waitFor();
      await anna.getByText(desk.eventRated).waitFor();
      await anna.getByText('quick and kind').waitFor();
      await shoot(anna, `console-rated-${language}`, WIDE, NARROW);
    });

    step('it is reopened by the agent, and by the visitor', async () => {
      await anna.locator('.bar').getByRole('button', { name: desk.reopen }).click();
      await stage.page.getByText(widget.reopened).first().waitFor();
      await stage.answer('one thing more', anna);
      await stage.once(stage.inWidget('one thing more'), 'the addition');
      await press(anna, desk.resolve);
      await stage.page.getByText(widget.later).click();
      await stage.write('I come again');
      await stage.once(stage.inConsole('I come again', anna), 'the message');
      await anna.getByRole('button', { name: desk.resolve, exact: true }).waitFor();
    });

    step('who did not want to rate is not asked again', async () => {
      await press(anna, desk.resolve);
      await stage.page.getByText(widget.later).click();
      await stage.page.close();
      await stage.visit();
      await line(widget.resolved).waitFor();
      await stage.page.waitForTimeout(300);
      assert.equal(await stage.page.getByText(widget.rateTitle).count(), 0);
    });

    step('a browser that keeps nothing says so, and works', async () => {
      const other = await stage.person(NARROW);
      await other.addInitScript(() => {
        Object.defineProperty(window, 'indexedDB', { value: undefined });
        Object.defineProperty(window, 'localStorage', { get: () => { throw new Error('off'); } });
      });
      const page = await stage.visit(other);
      await stage.write('from a private window', page);
      await page.getByText(widget.volatile).waitFor();
      await stage.once(stage.inWidget('from a private window', page), 'the message');
      await stage.settled(page);
      await anna.locator('button.row', { hasText: 'from a private window' }).waitFor();
      await other.close();
    });

    step('a picture that is pasted is sent, a table that is pasted is its text', async () => {
      const paste = (types) =>
        stage.page.getByPlaceholder(widget.write).evaluate((box, types) => {
          const data = new DataTransfer();
          for (const type of types) {
            if (type === 'text/plain') data.setData(type, 'a\tb');
            else data.items.add(new File([new Uint8Array(8)], 'pasted.png', { type }));
          }
          const event = { clipboardData: data, bubbles: true, cancelable: true };
          return box.dispatchEvent(new ClipboardEvent('paste', event));
        }, types);
      assert.equal(await paste(['text/plain', 'image/png']), true, 'the text is left to the field');
      assert.equal(await paste(['image/png']), false);
      // Eight zeros are no picture: the server says so beside the file's name.
      await stage.page.locator('posthouse-widget .up.bad', { hasText: 'pasted.png' }).waitFor();
      await stage.page.getByRole('button', { name: widget.cancel }).click();
    });

    step('pictures survive kill -9', async () => {
      await stage.server.kill();
      await stage.server.start();
      await anna.reload();
      const face = anna.locator(`.bar img[src="${avatar}"]`);
      await face.waitFor();
      await face.evaluate((it) => it.decode());
      const again = await stage.visitor.request.get(stage.url + avatar);
      assert.equal(again.status(), 200);
    });

    step('when nobody is there, the visitor leaves a message', async () => {
      await status(anna, desk.statusOffline);
      await status(stage.console, desk.statusOffline);
      const other = await stage.person(NARROW);
      const page = await other.newPage();
      await page.goto(`${stage.url}/demo`);
      await page.getByRole('button', { name: widget.open }).click();
      await page.getByRole('heading', { name: widget.leave }).waitFor();
      await shoot(page, `widget-offline-${language}`, NARROW, WIDE);
      await page.getByLabel(widget.name).fill(language === 'zh' ? '王小明' : 'Ben');
      await page.getByLabel(widget.contact).fill('ben@shop.example');
      await page.getByLabel(widget.message, { exact: true }).fill('please call me');
      await page.getByRole('button', { name: widget.submit, exact: true }).first().click();
      await stage.once(stage.inWidget('please call me', page), 'the message');
      await page.getByPlaceholder(widget.write).waitFor();
      await stage.settled(page);
      await status(anna, desk.statusOnline);
      await anna.locator('button.row', { hasText: 'please call me' }).click();
      await anna.getByRole('link', { name: 'ben@shop.example' }).waitFor();
    });
  });
