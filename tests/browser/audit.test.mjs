// The audit log in the console, and the three administrators who exclude each other: each sees the
// sections of their duty and no conversation.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { NARROW, WIDE, shoot } from './browser.mjs';
import { judge } from './look.mjs';
import { PASSWORD, story } from './stage.mjs';

const OWN = 'a password that only I know';

for (const language of ['en', 'zh'])
  story('the audit log', language, (stage, step) => {
    const { desk } = stage;
    const findings = [];
    const look = async (page, name) => {
      const own = page.viewportSize();
      for (const theme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
        for (const size of [NARROW, WIDE]) {
          await page.setViewportSize(size);
          await shoot(page, `audit-${name}-${language}-${theme}`);
          findings.push(...(await judge(page)).map((line) => `${name} ${size.width}: ${line}`));
        }
      }
      await page.setViewportSize(own);
      await page.emulateMedia({ colorScheme: 'light' });
    };
    const button = (page, word) => page.getByRole('button', { name: word, exact: true });
    const rows = (page) => page.locator('.audit tbody tr');
    const open = async (page) => {
      await page.goto(`${stage.url}/#/settings/audit`);
      await page.locator('.audit-state .notice').waitFor();
      await rows(page).first().waitFor();
    };
    const sections = (page) => page.locator('.settings-side a.menu-item').allTextContents();
    const operate = (...words) => {
      const args = [...words, '--data', `${stage.server.folder}/data`];
      const { PATH, HOME } = process.env;
      const env = { PATH, HOME, LANG: 'en_US.UTF-8' };
      const ran = spawnSync(process.env.POSTHOUSE_BIN, args, { env, encoding: 'utf8' });
      assert.equal(ran.status, 0, `${words}: ${ran.stderr}`);
      return ran.stdout;
    };
    let pages;

    step('an owner sees who did what, and that the log is whole', async () => {
      await stage.claim();
      pages = {};
      for (const login of ['sys', 'sec', 'aud', 'li']) {
        pages[login] = await stage.colleague(login, login.toUpperCase());
      }
      const page = stage.console;
      await open(page);
      await page.locator('.audit-state .notice.good').waitFor();
      await rows(page).filter({ hasText: desk.didSiteClaim }).first().waitFor();
      await rows(page).filter({ hasText: 'agent.add · li agent' }).first().waitFor();
      await look(page, 'list');
    });

    step('it is asked by who, what, when and result, by keyboard', async () => {
      const page = stage.console;
      const tried = await stage.visitor.request.post(`${stage.url}/v1/sign-in`, {
        data: { login: 'stranger', password: PASSWORD },
        headers: { Origin: stage.url },
      });
      assert.equal(tried.status(), 401);
      const who = page.getByLabel(desk.auditWho, { exact: true });
      await who.focus();
      await page.keyboard.type('stranger');
      await page.keyboard.press('Enter');
      await page.locator('.audit tbody tr', { hasText: 'BAD_PASSWORD' }).waitFor();
      assert.equal(await rows(page).count(), 1);
      await who.fill('');
      await page.keyboard.press('Tab');
      await page.getByLabel(desk.auditWhat, { exact: true }).selectOption('agent');
      await button(page, desk.auditShow).press('Enter');
      await rows(page).filter({ hasText: 'BAD_PASSWORD' }).waitFor({ state: 'detached' });
      assert.equal(await rows(page).count(), 4, 'four accounts were added');
      await page.getByLabel(desk.auditSince, { exact: true }).fill('2200-01-01');
      await button(page, desk.auditShow).press('Enter');
      await page.getByText(desk.auditNone).waitFor();
      await look(page, 'none');
    });

    step('it is exported, with the line that says so', async () => {
      const page = stage.console;
      const begun = page.waitForEvent('download');
      await page.getByRole('link', { name: desk.download }).click();
      const file = await (await begun).path();
      const text = readFileSync(file, 'utf8');
      assert.match(text, /"what":"audit.export"/);
      assert.match(text.trimEnd().split('\n').at(-1), /^\{"head":/, 'a signed head ends it');
    });

    step('a changed line is found and named', async () => {
      const page = stage.console;
      const folder = `${stage.server.folder}/data/audit`;
      const name = readdirSync(folder).find((file) => file.endsWith('.jsonl'));
      const before = readFileSync(`${folder}/${name}`, 'utf8');
      writeFileSync(`${folder}/${name}`, before.replace('li agent', 'li owner'));
      await button(page, desk.auditVerify).click();
      const told = page.locator('.audit-state [role=alert]');
      await told.getByText(desk.foundEdited).waitFor();
      await told.getByText(name).waitFor();
      await look(page, 'changed');
      // Byte for byte in place: the writer has the file open.
      const now = readFileSync(`${folder}/${name}`, 'utf8');
      writeFileSync(`${folder}/${name}`, now.replace('li owner', 'li agent'));
      await button(page, desk.auditVerify).click();
      await page.locator('.audit-state .notice.good').waitFor();
    });

    step('duties are separated at the machine, and everybody must sign in anew', async () => {
      const words = ['--system', 'sys', '--security', 'sec', '--audit', 'aud'];
      assert.match(operate('duties', 'separate', ...words), /reset-password --login aud/);
      writeFileSync(`${stage.server.folder}/password`, `${OWN}\n`);
      const file = `${stage.server.folder}/password`;
      for (const login of ['sys', 'sec', 'aud']) {
        operate('agent', 'reset-password', '--login', login, '--password-file', file);
        await pages[login].reload();
        await pages[login].locator('input[name=username]').waitFor();
        await stage.signIn(pages[login], login, OWN);
        assert.equal(await pages[login].locator('.panes').count(), 0, 'no conversations');
      }
    });

    step('the auditor has the log and nothing else; nobody else has it', async () => {
      const page = pages.aud;
      assert.deepEqual(await sections(page), [desk.auditLog, desk.ownAccount]);
      await rows(page).filter({ hasText: desk.didDutiesSeparate }).first().waitFor();
      await look(page, 'auditor');
      for (const login of ['sys', 'sec']) {
        assert.ok(!(await sections(pages[login])).includes(desk.auditLog), login);
        const context = pages[login].context();
        assert.equal((await context.request.get(`${stage.url}/v1/audit`)).status(), 403, login);
      }
      await stage.console.reload();
      await stage.console.goto(`${stage.url}/#/settings`);
      await stage.console.locator('.settings-head').waitFor();
      assert.deepEqual(
        (await sections(stage.console)).map((text) => text.trim()),
        [desk.backToDesk, desk.ownAccount],
        'the owner of before is a supervisor',
      );
    });

    step('the security administrator chooses the duty of each agent', async () => {
      const page = pages.sec;
      await page.goto(`${stage.url}/#/settings/agents`);
      const change = (name) =>
        page.getByRole('button', { name: `${desk.change} ${name}`, exact: true }).click();
      const card = page.locator('.cards > li').nth(4);
      await change('LI');
      const dialog = page.getByRole('dialog');
      const role = dialog.getByLabel(desk.role, { exact: true });
      const offered = (await role.locator('option').allTextContents()).join();
      const { roleAgent, roleSupervisor, roleSystem, roleSecurity, roleAudit } = desk;
      const all = [roleAgent, roleSupervisor, roleSystem, roleSecurity, roleAudit];
      assert.equal(offered, all.join(), 'no owner');
      await role.selectOption({ label: desk.roleAudit });
      await dialog.getByText(desk.roleRises).waitFor();
      assert.ok(await dialog.getByLabel(desk.capacity, { exact: true }).isDisabled());
      await look(page, 'duty');
      await button(page, desk.save).click();
      await dialog.waitFor({ state: 'detached' });
      await card.getByText(desk.roleAudit).waitFor();
      await look(page, 'duties');
      // The own role, and the last of a duty.
      await change('SEC');
      assert.ok(await role.isDisabled());
      await button(page, desk.cancel).click();
      await change('SYS');
      await role.selectOption({ label: desk.roleAgent });
      await button(page, desk.save).click();
      await page.getByRole('alert').getByText('(1033)').waitFor();
      await button(page, desk.cancel).click();
    });

    step('the system administrator adds an account whose password is another’s to set', async () => {
      const page = pages.sys;
      await page.goto(`${stage.url}/#/settings/agents`);
      await button(page, desk.addAgent).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText(desk.passwordLater).waitFor();
      assert.ok(await dialog.getByLabel(desk.role, { exact: true }).isDisabled());
      await dialog.getByLabel(desk.name, { exact: true }).fill('Mei');
      await dialog.getByLabel(desk.login, { exact: true }).fill('mei');
      await look(page, 'account');
      await button(page, desk.save).click();
      await page.locator('.cards > li', { hasText: 'Mei' }).waitFor();
    });

    step('no screen breaks a rule', () => assert.deepEqual(findings, []));
  });
