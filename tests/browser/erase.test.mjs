// An owner erases a conversation: it goes live from every screen and from what the browsers keep.
import assert from 'node:assert/strict';
import { NARROW, WIDE, shoot } from './browser.mjs';
import { story } from './stage.mjs';

const SAID = 'something to be erased';
const ANSWERED = 'an answer to be erased';

/** What IndexedDB and localStorage of the page's origin hold, as text. */
function kept(page) {
  return page.evaluate(async () => {
    const texts = [JSON.stringify(localStorage)];
    const bytes = (value) => (value instanceof Uint8Array ? new TextDecoder().decode(value) : value);
    for (const { name } of await indexedDB.databases()) {
      const db = await new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(request.result);
        request.onerror = reject;
      });
      for (const store of db.objectStoreNames) {
        const all = await new Promise((resolve) => {
          const request = db.transaction(store).objectStore(store).getAll();
          request.onsuccess = () => resolve(request.result);
        });
        texts.push(JSON.stringify(all, (_, value) => bytes(value)));
      }
      db.close();
    }
    return texts.join('\n');
  });
}

for (const language of ['en', 'zh']) {
  story('erase', language, (stage, step) => {
    const { desk } = stage;
    let colleague;
    let absent;
    const screens = () => [stage.console, colleague];
    const details = () => stage.console.locator('.details');
    const ask = () => details().getByRole('button', { name: desk.erase, exact: true });

    /** New conversations go to the owner. */
    const away = async (page) => {
      await page.getByRole('button', { name: desk.ownStatus }).click();
      await page.getByRole('menuitemradio', { name: desk.statusAway }).first().click();
    };

    step('a conversation is on three screens, and a fourth has seen it', async () => {
      await stage.claim();
      await stage.visit();
      await stage.write(SAID);
      await stage.settled();
      await stage.pick();
      await stage.answer(ANSWERED);
      await stage.once(stage.inWidget(ANSWERED), 'the answer');
      colleague = await stage.colleague('lee', 'Lee', 'supervisor');
      await away(colleague);
      await colleague.getByRole('tab', { name: desk.tabAll }).click();
      await colleague.locator('button.row').first().click();
      await stage.inConsole(SAID, colleague).waitFor();
      absent = await stage.colleague('kim', 'Kim', 'supervisor');
      await away(absent);
      await absent.getByRole('tab', { name: desk.tabAll }).click();
      await absent.locator('button.row').first().click();
      await stage.inConsole(SAID, absent).waitFor();
      // Another conversation is not looked at any more; this browser keeps the first one.
      await absent.goto(`${stage.url}/#/settings/account`);
      for (const page of [...screens(), stage.page]) assert.ok((await kept(page)).includes(SAID));
    });

    step('only an owner is offered it, and it can be called off', async () => {
      const offered = colleague.locator('.details').getByRole('button', { name: desk.erase });
      assert.equal(await offered.count(), 0);
      await ask().click();
      await shoot(stage.console, `erase-question-${language}`, WIDE, NARROW);
      await stage.console.getByRole('button', { name: desk.cancel, exact: true }).click();
      await stage.once(stage.inConsole(SAID), 'still there');
    });

    step('it goes from every screen at once', async () => {
      await ask().click();
      await stage.console.getByRole('button', { name: desk.eraseNow, exact: true }).click();
      for (const page of screens()) {
        await stage.inConsole(SAID, page).waitFor({ state: 'detached' });
        await page.locator('button.row').first().waitFor({ state: 'detached' });
      }
      await stage.inWidget(SAID).waitFor({ state: 'detached' });
      assert.equal(await stage.inWidget(ANSWERED).count(), 0);
      await shoot(stage.page, `erase-widget-${language}`, NARROW, WIDE);
      await shoot(stage.console, `erase-console-${language}`, WIDE, NARROW);
    });

    step('no browser keeps a word of it, and a reload shows nothing', async () => {
      for (const page of [...screens(), absent, stage.page]) {
        await page.waitForTimeout(1_000);
        const texts = await kept(page);
        for (const words of [SAID, ANSWERED]) assert.ok(!texts.includes(words), words);
      }
      for (const page of [...screens(), stage.page]) await page.reload();
      await stage.page.getByRole('button', { name: stage.widget.open }).click();
      await stage.page.getByPlaceholder(stage.widget.write).waitFor();
      await stage.page.waitForTimeout(1_500);
      for (const words of [SAID, ANSWERED]) {
        assert.equal(await stage.inWidget(words).count(), 0);
        for (const page of screens()) assert.equal(await stage.inConsole(words, page).count(), 0);
      }
    });

    step('the visitor begins anew', async () => {
      await stage.write('a new beginning');
      await stage.settled();
      await stage.pick();
      await stage.once(stage.inConsole('a new beginning'), 'the new conversation');
      await stage.answer('welcome again');
      await stage.once(stage.inWidget('welcome again'), 'its answer');
    });
  });
}
