// Bundles every */test/*.test.ts(x) for node and runs them with node's own test runner.
// Usage: node build/test.mjs [part of a file's name]
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'vite';

const web = resolve(import.meta.dirname, '..');
const out = resolve(web, '../../target/web-test');
const part = process.argv[2] ?? '';

const input = {};
for (const room of ['shared', 'widget', 'console']) {
  const folder = join(web, room, 'test');
  if (!existsSync(folder)) continue;
  for (const name of readdirSync(folder)) {
    const match = /^(.+\.test)\.tsx?$/.exec(name);
    if (match && name.includes(part)) input[`${room}-${match[1]}`] = join(folder, name);
  }
}
rmSync(out, { recursive: true, force: true });
await build({
  configFile: false,
  root: web,
  logLevel: 'warn',
  define: { __VERSION__: '"0.0.0"', __EXTRA__: '"extra.js"', __AGENT__: 'true' },
  ssr: { noExternal: true },
  build: {
    ssr: true,
    outDir: out,
    emptyOutDir: true,
    target: 'node20',
    minify: false,
    rollupOptions: { input },
  },
});
const files = Object.keys(input).map((name) => join(out, `${name}.js`));
const { status } = spawnSync(process.execPath, ['--test', '--test-force-exit', '--test-reporter=spec', ...files], {
  stdio: 'inherit',
  cwd: web,
});
process.exit(status ?? 1);
