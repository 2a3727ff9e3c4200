// Everything by keyboard alone: no pointer touches a page, and the focus is always to be seen.
import assert from 'node:assert/strict';
import { picture } from './picture.mjs';
import { PASSWORD, story } from './stage.mjs';

/** More stops of Tab than any screen has. */
const MOST_STOPS = 80;

for (const language of ['en', 'zh'])
  story('the keyboard alone', language, (stage, step) => {
    const { desk, widget } = stage;

    /** The element that has the focus, in a shadow root, too: its name, and whether a ring shows it. */
    const focused = (page) =>
      page.evaluate(() => {
        let at = document.activeElement;
        while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        if (!at || at === document.body) return null;
        const label = at.labels?.[0]?.textContent;
        const name = at.ariaLabel || label || at.placeholder || at.textContent;
        const around = [at, at.closest('form, .composer-box')].filter(Boolean);
        const shown = around.some((element) => {
          const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
          return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
        });
        return { name: name.trim(), shown };
      });
    /** Tab until something whose name begins so has the focus. */
    const tabTo = async (page, name, key = 'Tab') => {
      for (let stops = 0; stops < MOST_STOPS; stops += 1) {
        const at = await focused(page);
        if (at?.name.startsWith(name)) {
          assert.ok(at.shown, `the focus on "${at.name}" is not to be seen`);
          return;
        }
        await page.keyboard.press(key);
      }
      assert.fail(`Tab does not lead to "${name}"`);
    };
    const type = (page, text) => page.keyboard.type(text);
    const press = async (page, ...keys) => {
      for (const key of keys) await page.keyboard.press(key);
    };

    step('the agent signs in', async () => {
      await stage.claim();
      const page = stage.console;
      await tabTo(page, desk.menu);
      await press(page, 'Enter', 'ArrowUp', 'Enter');
      await page.locator('input[name=username]').waitFor();
      await tabTo(page, desk.login);
      await type(page, 'owner');
      await tabTo(page, desk.password);
      await type(page, PASSWORD);
      await press(page, 'Enter');
      await page.getByRole('button', { name: desk.menu }).waitFor();
    });

    step('the visitor opens the widget, writes and sends', async () => {
      stage.page = await stage.visitor.newPage();
      await stage.page.goto(`${stage.url}/demo`);
      await stage.page.getByRole('button', { name: widget.open }).waitFor();
      await tabTo(stage.page, widget.open);
      await press(stage.page, 'Enter');
      assert.equal((await focused(stage.page)).name, widget.write);
      await type(stage.page, 'by keyboard');
      await press(stage.page, 'Shift+Enter');
      await type(stage.page, 'two lines');
      await press(stage.page, 'Enter');
      await stage.inWidget('by keyboard two lines').waitFor();
      await stage.settled();
    });

    step('an Enter of an input method does not send', async () => {
      const session = await stage.visitor.newCDPSession(stage.page);
      const text = '你好';
      await session.send('Input.imeSetComposition', { text, selectionStart: 2, selectionEnd: 2 });
      const key = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 };
      await session.send('Input.dispatchKeyEvent', { type: 'keyDown', ...key });
      await session.send('Input.insertText', { text });
      const box = stage.page.getByPlaceholder(widget.write);
      assert.equal(await box.inputValue(), text);
      await press(stage.page, 'Enter');
      await stage.once(stage.inWidget(text), 'the message');
    });

    step('the visitor picks an emoji and a file, and takes a message back', async () => {
      const { page } = stage;
      await tabTo(page, widget.emoji, 'Shift+Tab');
      await press(page, 'Enter');
      await page.getByRole('group', { name: widget.emoji }).waitFor();
      await press(page, 'ArrowRight', 'ArrowDown', 'Enter');
      const value = await page.getByPlaceholder(widget.write).inputValue();
      assert.ok(value.length > 0, 'an emoji is in the text');
      await press(page, 'Enter');
      await stage.once(stage.inWidget(value), 'the emoji');
      await tabTo(page, widget.attach, 'Shift+Tab');
      const chooser = page.waitForEvent('filechooser');
      await press(page, 'Enter');
      await (await chooser).setFiles(picture('by-keyboard.png', [90, 90, 200]));
      await page.locator('posthouse-widget .row img').waitFor();
      await stage.settled();
      await tabTo(page, widget.recall, 'Shift+Tab');
      await press(page, 'Enter');
      await page.getByText(widget.recalled).waitFor();
      assert.equal((await focused(page)).name, widget.write, 'the focus goes on in the text');
    });

    step('the focus stays in the open panel, Escape closes it', async () => {
      for (let stops = 0; stops < 25; stops += 1) {
        await press(stage.page, 'Tab');
        const inside = await stage.page.evaluate(() => {
          const { shadowRoot } = document.querySelector('posthouse-widget');
          return !!shadowRoot.activeElement?.closest('.panel');
        });
        assert.ok(inside, `stop ${stops}`);
      }
      await press(stage.page, 'Escape');
      assert.equal((await focused(stage.page)).name, widget.open);
      await press(stage.page, 'Enter');
    });

    step('the agent picks the conversation and answers', async () => {
      const page = stage.console;
      await page.locator('button.row').first().waitFor();
      await page.locator('.tabs').waitFor();
      await tabTo(page, desk.tabMine);
      await press(page, 'Tab', 'Enter');
      await page.getByPlaceholder(desk.writeAnswer).waitFor();
      await tabTo(page, desk.writeAnswer);
      await type(page, 'answered by keyboard');
      await press(page, 'Enter');
      await stage.once(stage.inWidget('answered by keyboard'), 'the answer');
      await tabTo(page, desk.modeAnswer);
      await press(page, 'ArrowRight');
      assert.equal((await focused(page)).name, desk.modeNote);
      await tabTo(page, desk.writeNote, 'Shift+Tab');
      await type(page, 'noted by keyboard');
      await press(page, 'Enter');
      await stage.once(stage.inConsole('noted by keyboard'), 'the note');
    });

    step('the agent transfers it', async () => {
      const page = stage.console;
      const name = language === 'zh' ? '安娜' : 'Anna Smith';
      const anna = await stage.colleague('anna', name);
      await tabTo(page, desk.transfer, 'Shift+Tab');
      await press(page, 'Enter');
      await page.getByRole('dialog').waitFor();
      await page.getByRole('dialog').getByRole('button', { name }).waitFor();
      await tabTo(page, name.slice(0, 1));
      await press(page, 'Enter');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await stage.page.locator('posthouse-widget header').getByText(name).waitFor();
      await stage.pick(anna);
      await anna.getByRole('button', { name: desk.resolve, exact: true }).click();
    });

    step('the visitor rates', async () => {
      const { page } = stage;
      await page.getByText(widget.rateTitle).waitFor();
      await tabTo(page, widget.stars.replace('{}', '5').slice(0, 6));
      await press(page, 'Enter');
      await tabTo(page, widget.comment);
      await type(page, 'well done');
      await tabTo(page, widget.submit);
      await press(page, 'Enter');
      await page.getByText(widget.rated).waitFor();
      assert.equal((await focused(page)).name, widget.write);
    });
  });
