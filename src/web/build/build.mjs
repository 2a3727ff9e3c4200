// Builds target/web/{widget,console} with .gz and .br siblings, prints sizes, fails above the limits.
// Usage: node build/build.mjs [widget|console]
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { minify } from 'terser';
import { build } from 'vite';

const web = resolve(import.meta.dirname, '..');
const target = resolve(web, '../../target/web');
const version = JSON.parse(readFileSync(join(web, 'package.json'), 'utf8')).version;
const wanted = process.argv[2];

// Limits, in bytes gzipped. The widget's script is all that is loaded until a text message is sent, which
// the browser test measures; what else it has comes with a chunk of its own.
const WIDGET_BYTES = 15 * 1024;
const CONSOLE_BYTES = 80 * 1024;

const common = (outDir) => ({
  configFile: false,
  root: web,
  logLevel: 'warn',
  define: { __VERSION__: JSON.stringify(version), __AGENT__: 'true' },
  // Browsers of 2024: nothing of the styles is written twice for older ones.
  build: {
    outDir,
    emptyOutDir: false,
    target: 'es2022',
    cssTarget: ['chrome123', 'safari17.5', 'firefox120'],
    copyPublicDir: false,
  },
});

// The widget decodes what visitors are sent: its tables leave the agents' fields out.
const visitorTables = {
  name: 'visitor-tables',
  enforce: 'pre',
  resolveId: (id) => (id.endsWith('gen/posthouse.ts') ? join(web, 'shared/gen/visitor.ts') : null),
};

async function script(entry, format, outDir, name, define = {}) {
  const config = common(outDir);
  Object.assign(config.define, { __AGENT__: 'false' }, define);
  config.plugins = [visitorTables];
  // As a library: dynamic imports stay as they are written.
  if (format === 'iife')
    config.build.lib = { entry: join(web, entry), formats: [format], name: '_' };
  config.build.rollupOptions = {
    input: join(web, entry),
    preserveEntrySignatures: 'strict',
    output: { format, entryFileNames: name, codeSplitting: false },
  };
  await build(config);
}

async function widget() {
  const out = join(target, 'widget');
  rmSync(out, { recursive: true, force: true });
  await script('widget/extra.ts', 'es', out, 'extra-[hash].js');
  const extra = readdirSync(out).find((name) => name.startsWith('extra-'));
  await script('widget/main.ts', 'iife', out, 'widget.js', { __EXTRA__: JSON.stringify(extra) });
  // A second pass by terser: 2 % less than the bundler's own minifier.
  const path = join(out, 'widget.js');
  const options = {
    ecma: 2020,
    compress: {
      ecma: 2020,
      passes: 4,
      unsafe: true,
      unsafe_arrows: true,
      unsafe_methods: true,
      lhs_constants: false,
      pure_getters: true,
      hoist_funs: true,
      hoist_props: true,
    },
  };
  writeFileSync(path, (await minify(readFileSync(path, 'utf8'), options)).code);
  const html = readFileSync(join(web, 'widget/demo.html'));
  writeFileSync(join(target, 'demo.html'), html);
  compress(out);
  limit('widget', WIDGET_BYTES, [path]);
}

async function desk() {
  const out = join(target, 'console');
  const root = join(web, 'console');
  rmSync(out, { recursive: true, force: true });
  const config = { ...common(out), root, base: '/console/' };
  config.build.copyPublicDir = true;
  config.build.modulePreload = { polyfill: false };
  config.build.assetsInlineLimit = 0;
  await build(config);
  compress(out);
  const page = readFileSync(join(out, 'index.html'), 'utf8');
  const first = [...page.matchAll(/(?:src|href)="\/console\/([^"]+\.(?:js|css))"/g)];
  const files = first.map((match) => join(out, match[1]));
  limit('console', CONSOLE_BYTES, [join(out, 'index.html'), ...files]);
}

function compress(folder) {
  for (const name of readdirSync(folder, { recursive: true })) {
    const path = join(folder, name);
    if (!/\.(js|css|html|svg|json|webmanifest)$/.test(name) || !statSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
    writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
  }
}

function limit(name, most, paths) {
  let sum = 0;
  for (const path of paths) {
    const packed = statSync(`${path}.gz`).size;
    sum += packed;
    console.log(`${relative(target, path)}: ${statSync(path).size} bytes, ${packed} gzipped`);
  }
  console.log(`${name}: ${sum} of ${most} bytes gzipped`);
  if (sum > most) {
    console.error(`${name} is ${sum - most} bytes above its limit`);
    process.exitCode = 1;
  }
}

if (wanted !== 'console') await widget();
if (wanted !== 'widget' && existsSync(join(web, 'console/index.html'))) await desk();
