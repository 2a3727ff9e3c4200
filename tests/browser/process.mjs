// The server as a process: started with the built-in defaults, killed with -9, started again.
import { spawn } from 'node:child_process';
import { rmSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const made = process.env.POSTHOUSE_BROWSER;

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => probe.once('listening', done));
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

function answers(url) {
  return new Promise((done) => {
    const asked = request(`${url}/readyz`, { rejectUnauthorized: false }, (answer) => {
      answer.resume();
      done(answer.statusCode === 200);
    });
    asked.on('error', () => done(false));
    asked.end();
  });
}

export class Desk {
  #child;

  /** An unclaimed site with an empty data folder. */
  static async fresh(name) {
    const desk = new Desk();
    desk.folder = `${made}/${name}`;
    rmSync(desk.folder, { recursive: true, force: true });
    mkdirSync(desk.folder, { recursive: true });
    desk.log = `${made}/${name}.log`;
    rmSync(desk.log, { force: true });
    desk.address = `127.0.0.1:${await freePort()}`;
    desk.url = `https://${desk.address}`;
    return desk;
  }

  async start() {
    const log = openSync(this.log, 'a');
    const words = ['serve', '--data', `${this.folder}/data`, '--listen', this.address];
    const { PATH, HOME, LANG } = process.env;
    const options = { stdio: ['ignore', log, log], env: { PATH, HOME, LANG } };
    this.#child = spawn(process.env.POSTHOUSE_BIN, words, options);
    for (let n = 0; n < 400; n += 1) {
      if (await answers(this.url)) return;
      if (this.#child.exitCode !== null) break;
      await sleep(25);
    }
    throw new Error(`the server does not answer:\n${readFileSync(this.log, 'utf8')}`);
  }

  /** The one-time code that the server printed. */
  code() {
    const text = readFileSync(this.log, 'utf8');
    const found = /\b([A-Z2-9]{4}(?:-[A-Z2-9]{4}){2})\b/.exec(text);
    if (!found) throw new Error(`no one-time code in:\n${text}`);
    return found[1];
  }

  /** kill -9; resolves when the process is gone. */
  async kill() {
    if (!this.#child || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((done) => this.#child.once('exit', done));
    this.#child.kill('SIGKILL');
    await gone;
  }
}
