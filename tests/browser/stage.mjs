// A story in one language: a desk, an agent at the console, a visitor on a page; and their gestures.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { NARROW, WIDE, launch, person, shoot } from './browser.mjs';
import { Desk } from './process.mjs';
import { wordsOf } from './words.mjs';

export const PASSWORD = 'correct horse battery staple';
/** The longest pause between two tries to connect, and some more. */
const SETTLED = { state: 'detached', timeout: 40_000 };

/** Steps in their order; the first failure keeps the screens and ends the story. */
export function story(name, language, tell) {
  describe(`${name} in ${language}`, { concurrency: false }, () => {
    const stage = new Stage(name.replaceAll(' ', '-'), language);
    before(() => stage.open());
    after(() => stage.close());
    let broken = '';
    const step = (title, act) =>
      test(title, async () => {
        if (broken) throw new Error(`after "${broken}" failed`);
        try {
          await act();
        } catch (error) {
          broken = title;
          await stage.shootAll(`failed-${stage.name}`);
          throw error;
        }
      });
    tell(stage, step);
    step('no page threw an error', () => assert.deepEqual(stage.errors, []));
  });
}

export class Stage {
  #people = [];

  constructor(name, language) {
    this.name = `${name}-${language}`;
    this.language = language;
    Object.assign(this, wordsOf(language));
  }

  async open() {
    this.browser = await launch();
    this.server = await Desk.fresh(this.name);
    await this.server.start();
    this.agent = await this.person(WIDE);
    this.visitor = await this.person(NARROW);
  }

  async close() {
    await this.browser?.close();
    await this.server?.kill();
  }

  get url() {
    return this.server.url;
  }

  get errors() {
    return this.#people.flatMap((context) => context.errors);
  }

  async person(viewport, options) {
    const context = await person(this.browser, this.language, viewport, options);
    this.#people.push(context);
    return context;
  }

  async shootAll(name) {
    const pages = this.#people.flatMap((context) => context.pages());
    for (const [at, page] of pages.entries()) await shoot(page, `${name}-${at}`);
  }

  /** Claims the site without the setup page, and opens the console as its owner. */
  async claim() {
    const site = this.language === 'zh' ? '驿站商店' : 'Post shop';
    const data = {
      code: this.server.code(),
      owner: 'owner',
      password: PASSWORD,
      site,
      language: this.language === 'zh' ? 'zh-CN' : 'en',
    };
    const answer = await this.agent.request.post(`${this.url}/v1/setup`, {
      data,
      headers: { Origin: this.url },
    });
    assert.equal(answer.status(), 200, await answer.text());
    this.console = await this.agent.newPage();
    await this.console.goto(`${this.url}/`);
    await this.console.getByRole('button', { name: this.desk.menu }).waitFor();
  }

  /** An agent made by the owner; signs in on a page of their own. */
  async colleague(login, name, role = 'agent') {
    const data = { login, name, role, capacity: 5, teams: [1], password: PASSWORD };
    const made = await this.agent.request.post(`${this.url}/v1/agents`, {
      data,
      headers: { Origin: this.url },
    });
    assert.equal(made.status(), 200, await made.text());
    const context = await this.person(WIDE);
    const page = await context.newPage();
    await this.signIn(page, login);
    return page;
  }

  async signIn(page, login, password = PASSWORD) {
    await page.goto(`${this.url}/`);
    await page.locator('input[name=username]').fill(login);
    await page.locator('input[name=password]').fill(password);
    await page.getByRole('button', { name: this.desk.signIn, exact: true }).click();
    await page.getByRole('button', { name: this.desk.menu }).waitFor();
  }

  /** A page with the widget open. */
  async visit(context = this.visitor) {
    const page = await context.newPage();
    if (context === this.visitor) this.page = page;
    await page.goto(`${this.url}/demo`);
    await page.getByRole('button', { name: this.widget.open }).click();
    await page.getByPlaceholder(this.widget.write).waitFor();
    return page;
  }

  /** Bubbles of the visitor's or an agent's screen with exactly this text. */
  inWidget(text, on = this.page) {
    return on.locator('posthouse-widget .row .body').getByText(text, { exact: true });
  }

  inConsole(text, on = this.console) {
    return on.locator('.says .bubble').getByText(text, { exact: true });
  }

  async write(text, on = this.page) {
    const box = on.getByPlaceholder(this.widget.write);
    await box.fill(text);
    await box.press('Enter');
  }

  async answer(text, on = this.console) {
    const box = on.getByPlaceholder(this.desk.writeAnswer);
    await box.fill(text);
    await box.press('Enter');
  }

  /** The agent opens the first conversation of the list and takes it when it waits. */
  async pick(on = this.console) {
    await on.locator('button.row').first().click();
    const take = on.getByRole('button', { name: this.desk.take, exact: true }).first();
    await on.getByPlaceholder(this.desk.writeAnswer).or(take).first().waitFor();
    if (await take.isVisible()) await take.click();
    await on.getByPlaceholder(this.desk.writeAnswer).waitFor();
  }

  /** Nothing of the visitor waits for the server any more. */
  settled(on = this.page) {
    return on.locator('posthouse-widget .row.wait').first().waitFor(SETTLED);
  }

  /** It stands there, and once. */
  async once(locator, what) {
    await locator.first().waitFor();
    assert.equal(await locator.count(), 1, what);
  }
}

/** Watches `root`'s bubbles (a selector, looked up in shadow roots, too) for one text: the result tells
 * how often the text was missing after it had been there, and whether it stood in one element. */
export async function watch(page, host, bubbles, text) {
  await page.evaluate(
    ([host, bubbles, text]) => {
      const element = document.querySelector(host);
      const root = element.shadowRoot ?? element;
      const seen = (window.watched = { elements: new Set(), gaps: 0, looks: 0 });
      const look = () => {
        const all = [...root.querySelectorAll(bubbles)].filter((node) => node.textContent === text);
        if (all.length) seen.elements.add(all[0]);
        if (all.length !== 1 && seen.elements.size) seen.gaps += 1;
        seen.looks += 1;
      };
      const options = { childList: true, subtree: true, characterData: true, attributes: true };
      new MutationObserver(look).observe(root, options);
      const frame = () => (look(), requestAnimationFrame(frame));
      requestAnimationFrame(frame);
    },
    [host, bubbles, text],
  );
  return () =>
    page.evaluate(() => {
      const { elements, gaps, looks } = window.watched;
      return { elements: elements.size, gaps, looks };
    });
}
