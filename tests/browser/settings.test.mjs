// The settings: each form saves what it says, and tells what is wrong with a value.
import assert from 'node:assert/strict';
import { NARROW, WIDE, shoot } from './browser.mjs';
import { picture } from './picture.mjs';
import { PASSWORD, story } from './stage.mjs';

for (const language of ['en', 'zh'])
  story('the settings', language, (stage, step) => {
    const { desk, widget } = stage;
    const name = language === 'zh' ? '李雷' : 'Li Lei';

    const open = async (section) => {
      await stage.console.goto(`${stage.url}/#/settings/${section}`);
      await stage.console.locator('.settings-head').waitFor();
    };
    const press = (word) => stage.console.getByRole('button', { name: word, exact: true }).click();
    const change = (what) =>
      stage.console.getByRole('button', { name: `${desk.change} ${what}` }).click();
    const dialog = () => stage.console.getByRole('dialog');
    const field = (label, on = dialog()) => on.getByLabel(label, { exact: true });
    const save = async () => {
      await press(desk.save);
      await dialog().waitFor({ state: 'detached' });
    };
    const refused = (code) => stage.console.getByRole('alert').getByText(`(${code})`);
    const card = (text) => stage.console.locator('.cards > li', { hasText: text });

    step('a team is added and renamed; one that an inbox needs stays', async () => {
      await stage.claim();
      await open('teams');
      await press(desk.addTeam);
      await field(desk.name).fill('Sales');
      await save();
      await card('Sales').waitFor();
      await change('Sales');
      await field(desk.name).fill('Sales and service');
      await save();
      await card('Sales and service').waitFor();
      await shoot(stage.console, `settings-teams-${language}`, WIDE, NARROW);
      await stage.console.locator('.cards > li').first().getByRole('button').click();
      await dialog().getByText(desk.disableTeam).click();
      await press(desk.save);
      await refused(1019).waitFor();
      await press(desk.cancel);
    });

    step('an agent is added, with a picture, another role and no more access', async () => {
      await open('agents');
      await press(desk.addAgent);
      await field(desk.name).fill(name);
      await field(desk.login).fill('lilei');
      await field(desk.newPassword).fill(PASSWORD);
      await field(desk.passwordAgain).fill('something else');
      await press(desk.save);
      await dialog().getByText(desk.passwordsDiffer).waitFor();
      await field(desk.passwordAgain).fill(PASSWORD);
      await field(desk.login).fill('owner');
      await press(desk.save);
      await refused(1020).waitFor();
      await shoot(stage.console, `settings-agent-new-${language}`, WIDE, NARROW);
      await field(desk.login).fill('lilei');
      await save();
      await card(name).waitFor();
      await change(name);
      const input = dialog().locator('.picture-field input[type=file]');
      await input.setInputFiles(picture('li.png', [30, 90, 160], 300));
      const face = dialog().locator('.picture-field img');
      await face.evaluate((it) => it.decode());
      await field(desk.role).selectOption({ label: desk.roleSupervisor });
      await field(desk.capacity).fill('9');
      await shoot(stage.console, `settings-agent-${language}`, WIDE, NARROW);
      await save();
      await card(name).getByText(desk.roleSupervisor).waitFor();
      await card(name).getByText(desk.capacityOf.replace('{n}', '9')).waitFor();
      await card(name).locator('img').waitFor();
      await shoot(stage.console, `settings-agents-${language}`, WIDE, NARROW);
      await change(name);
      await dialog().getByRole('button', { name: desk.removePicture }).click();
      await dialog().locator('.picture-field img').waitFor({ state: 'detached' });
      await dialog().getByText(desk.disableAgent).click();
      await save();
      await card(name).getByText(desk.disabled, { exact: true }).waitFor();
      const data = { login: 'lilei', password: PASSWORD };
      const headers = { Origin: stage.url };
      const tried = await stage.visitor.request.post(`${stage.url}/v1/sign-in`, { data, headers });
      assert.equal(tried.status(), 401);
    });

    step('the last owner cannot give up the role', async () => {
      const me = (await (await stage.agent.request.get(`${stage.url}/v1/me`)).json()).agent;
      await change('owner');
      assert.ok(await field(desk.role).isDisabled(), 'the own role is fixed here');
      await press(desk.cancel);
      const tried = await stage.agent.request.patch(`${stage.url}/v1/agents/${me.id}`, {
        data: { role: 'agent' },
        headers: { Origin: stage.url },
      });
      assert.equal((await tried.json()).name, 'LAST_OWNER');
    });

    step('an inbox is made, greets, and gives the line to paste', async () => {
      await open('inboxes');
      await press(desk.addInbox);
      await field(desk.name).fill('Second shop');
      await field(desk.origins).fill('https://shop.example/some/page\nnonsense');
      await press(desk.save);
      await refused(1019).waitFor();
      await field(desk.origins).fill('https://shop.example/some/page');
      await save();
      await card('https://shop.example').waitFor();
      await card('Second shop').getByRole('button', { name: desk.snippet }).click();
      const key = /data-inbox="(\w+)"/.exec(await dialog().locator('code').textContent());
      assert.ok(key, 'the line names the inbox');
      await shoot(stage.console, `settings-snippet-${language}`, WIDE, NARROW);
      await press(desk.close);
      await change(language === 'zh' ? '驿站商店' : 'Post shop');
      await field(desk.greeting).fill('Welcome to the shop');
      await field(desk.color).fill('#7a2e45');
      await shoot(stage.console, `settings-inbox-${language}`, WIDE, NARROW);
      await save();
      await shoot(stage.console, `settings-inboxes-${language}`, WIDE, NARROW);
      await stage.visit();
      await stage.inWidget('Welcome to the shop').waitFor();
      const launch = stage.page.locator('posthouse-widget header');
      const color = await launch.evaluate((it) => getComputedStyle(it).backgroundColor);
      assert.equal(color, 'rgb(122, 46, 69)');
    });

    step('the site has a name and a time to answer', async () => {
      await open('site');
      const form = stage.console.locator('form');
      await field(desk.siteName, form).fill(language === 'zh' ? '新店' : 'New shop');
      await field(desk.answerTimeout, form).fill('2.5');
      await shoot(stage.console, `settings-site-${language}`, WIDE, NARROW);
      await press(desk.save);
      await stage.console.getByText(desk.saved).waitFor();
      const site = await (await stage.agent.request.get(`${stage.url}/v1/site`)).json();
      assert.equal(site.answer_timeout_ms, 150_000);
      await stage.page.reload();
      await stage.page.getByText(widget.online).or(stage.page.locator('h1')).first().waitFor();
      await stage.page.getByText(language === 'zh' ? '新店' : 'New shop').first().waitFor();
    });

    step('the own name and password change; the old password does not open any more', async () => {
      await open('account');
      const [first, second] = [0, 1].map((at) => stage.console.locator('form').nth(at));
      await field(desk.name, first).fill(name);
      await first.getByRole('button', { name: desk.save }).click();
      await stage.console.getByText(desk.saved).first().waitFor();
      const again = 'another long password';
      await field(desk.currentPassword, second).fill('not my password');
      await field(desk.newPassword, second).fill(again);
      await field(desk.passwordAgain, second).fill(again);
      await second.getByRole('button', { name: desk.changePassword }).click();
      await refused(2010).waitFor();
      await field(desk.currentPassword, second).fill(PASSWORD);
      await second.getByRole('button', { name: desk.changePassword }).click();
      await stage.console.getByText(desk.passwordChanged).waitFor();
      const data = { login: 'owner', password: PASSWORD };
      const headers = { Origin: stage.url };
      const tried = await stage.visitor.request.post(`${stage.url}/v1/sign-in`, { data, headers });
      assert.equal(tried.status(), 401);
      await stage.console.goto(`${stage.url}/#/`);
      await stage.console.getByRole('button', { name: desk.menu }).click();
      await stage.console.getByText(`${name} · owner`).waitFor();
    });
  });
