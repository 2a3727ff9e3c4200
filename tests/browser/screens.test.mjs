// Every screen at 360 and 1280 pixels, and some at 200 % zoom, light and dark, in both languages: kept as
// pictures and judged by rule (`look.mjs`).
import assert from 'node:assert/strict';
import { NARROW, WIDE, ZOOMED, shoot } from './browser.mjs';
import { judge } from './look.mjs';
import { picture } from './picture.mjs';
import { story } from './stage.mjs';

const LONG = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft';

for (const language of ['en', 'zh'])
  story('the screens', language, (stage, step) => {
    const { desk, widget } = stage;
    const words = {
      en: ['Good morning! My parcel has not come yet, can you look for it?', 'Of course.'],
      zh: ['早上好！我的包裹还没到，可以帮我查一下吗？', '好的，请稍等，我马上为您查询。'],
    }[language];

    const findings = [];
    /** Each of `sizes` in light and dark. */
    const look = async (page, name, ...sizes) => {
      const own = page.viewportSize();
      for (const theme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
        for (const size of sizes.length ? sizes : [NARROW, WIDE]) {
          await page.setViewportSize(size);
          const title = `screen-${name}-${language}-${theme}`;
          await shoot(page, title);
          findings.push(...(await judge(page)).map((line) => `${title}-${size.width}: ${line}`));
        }
      }
      await page.setViewportSize(own);
      await page.emulateMedia({ colorScheme: 'light' });
    };
    const press = (page, word) => page.getByRole('button', { name: word, exact: true }).click();
    const settings = async (section) => {
      await stage.console.goto(`${stage.url}/#/settings/${section}`);
      await stage.console.locator('.settings-head').waitFor();
      await stage.console.locator('.spin').waitFor({ state: 'detached' });
    };

    step('signing in', async () => {
      await stage.claim();
      const page = await stage.visitor.newPage();
      await page.goto(`${stage.url}/`);
      await page.locator('input[name=password]').waitFor();
      await look(page, 'sign-in', NARROW, WIDE, ZOOMED);
      await page.locator('input[name=username]').fill('owner');
      await page.locator('input[name=password]').fill('wrong password');
      await page.getByRole('button', { name: desk.signIn, exact: true }).click();
      await page.getByRole('alert').waitFor();
      await look(page, 'sign-in-refused');
      await page.close();
    });

    step('an empty desk', async () => {
      await look(stage.console, 'console-empty');
    });

    step('the widget, from its greeting to a conversation', async () => {
      await stage.visit();
      await look(stage.page, 'widget-empty', NARROW, WIDE, ZOOMED);
      await stage.write(words[0]);
      await stage.pick();
      const input = stage.console.locator('.composer input[type=file]');
      await input.setInputFiles({
        name: 'a-rather-long-name-of-a-document-that-explains-everything.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from('hello'),
      });
      await input.setInputFiles(picture('blue.png', [60, 110, 190], 200));
      await stage.answer(words[1]);
      await stage.write(`${LONG} https://shop.example/${'path/'.repeat(12)}?q=1`);
      await stage.write('مرحبا، أين طلبي؟');
      await stage.page.locator('posthouse-widget .row img').waitFor();
      await stage.settled();
      await stage.once(stage.inWidget(words[1]), 'the answer');
      await look(stage.page, 'widget-chat', NARROW, WIDE, ZOOMED);
      await press(stage.page, widget.emoji);
      await look(stage.page, 'widget-emoji');
      await stage.page.keyboard.press('Escape');
    });

    step('the widget without a connection', async () => {
      await stage.server.kill();
      await stage.write(words[0]);
      await stage.page.getByText(widget.reconnecting).waitFor();
      await look(stage.page, 'widget-reconnecting');
      await stage.console.getByText(desk.isKept).waitFor();
      await look(stage.console, 'console-reconnecting');
      await stage.server.start();
      await stage.settled();
      await stage.console.getByText(desk.isKept).waitFor({ state: 'detached', timeout: 40_000 });
    });

    step('the console with a conversation', async () => {
      await stage.console.locator('.bubble img').waitFor();
      await look(stage.console, 'console-chat', NARROW, WIDE, ZOOMED);
      await stage.console.getByRole('radio', { name: desk.modeNote, exact: true }).click();
      await look(stage.console, 'console-note');
      await stage.console.getByRole('radio', { name: desk.modeAnswer, exact: true }).click();
      await press(stage.console, desk.emoji);
      await look(stage.console, 'console-emoji');
      await stage.console.keyboard.press('Escape');
      await press(stage.console, desk.transfer);
      await look(stage.console, 'console-transfer');
      await stage.console.keyboard.press('Escape');
      await stage.console.setViewportSize(NARROW);
      await press(stage.console, desk.visitorDetails);
      await look(stage.console, 'console-details', NARROW);
      await stage.console.locator('.details').getByRole('button', { name: desk.close }).click();
      await stage.console.goto(`${stage.url}/#/`);
      await look(stage.console, 'console-list', NARROW);
      await press(stage.console, desk.menu);
      await look(stage.console, 'console-menu', NARROW, WIDE);
      await stage.console.keyboard.press('Escape');
      await stage.console.getByRole('button', { name: desk.ownStatus }).click();
      await look(stage.console, 'console-status', NARROW, WIDE);
      await stage.console.keyboard.press('Escape');
      await stage.console.setViewportSize(WIDE);
    });

    step('the settings', async () => {
      await stage.colleague('bo', language === 'zh' ? '博文' : 'Bo Andersen', 'supervisor');
      for (const section of ['inboxes', 'agents', 'teams', 'site', 'account']) {
        await settings(section);
        await look(stage.console, `settings-${section}`);
      }
      await settings('agents');
      await stage.console.locator('.cards').getByRole('button').last().click();
      await look(stage.console, 'settings-agent', NARROW, WIDE, ZOOMED);
      await press(stage.console, desk.cancel);
      await settings('inboxes');
      await stage.console.locator('.cards').getByRole('button', { name: desk.change }).click();
      await look(stage.console, 'settings-inbox');
      await press(stage.console, desk.cancel);
      await press(stage.console, desk.snippet);
      await look(stage.console, 'settings-snippet');
      await press(stage.console, desk.close);
      await stage.console.goto(`${stage.url}/#/`);
    });

    step('the end of a conversation', async () => {
      await stage.console.locator('button.row').first().click();
      await press(stage.console, desk.resolve);
      await stage.page.getByText(widget.rateTitle).waitFor();
      await press(stage.page, widget.stars.replace('{}', '4'));
      await look(stage.page, 'widget-rating', NARROW, WIDE, ZOOMED);
      await look(stage.console, 'console-resolved');
    });

    step('nobody is there', async () => {
      for (const context of stage.browser.contexts()) {
        for (const page of context.pages().filter((page) => !page.url().endsWith('/demo'))) {
          await page.getByRole('button', { name: desk.ownStatus }).click();
          await page.getByRole('menuitemradio', { name: desk.statusOffline }).click();
        }
      }
      const other = await stage.person(NARROW);
      const page = await other.newPage();
      await page.goto(`${stage.url}/demo`);
      await page.getByRole('button', { name: widget.open }).click();
      await page.getByRole('heading', { name: widget.leave }).waitFor();
      await look(page, 'widget-offline', NARROW, WIDE, ZOOMED);
    });

    step('nothing was found wrong with them', () => assert.equal(findings.join('\n'), ''));
  });
