// What widget and console say, read out of their own tables, so that a step names a word by its key.
import { readFileSync } from 'node:fs';

const web = new URL('../../src/web/', import.meta.url);

/** The object literal that `name` is in a file; the tables hold nothing but texts. */
function table(file, name) {
  const text = readFileSync(new URL(file, web), 'utf8');
  const literal = new RegExp(`const ${name} = (\\{[\\s\\S]*?\\n\\}) as const`).exec(text);
  if (!literal) throw new Error(`no table ${name} in ${file}`);
  return new Function(`return ${literal[1]}`)();
}

function column(words, at) {
  return Object.fromEntries(Object.entries(words).map(([key, pair]) => [key, pair[at]]));
}

const widget = { ...table('widget/extra.ts', 'TEXT'), ...table('widget/text.ts', 'TEXT') };
const desk = table('console/words.ts', 'WORDS');

/** `wordsOf('zh').widget.send`, `wordsOf('zh').desk.transfer`. */
export function wordsOf(language) {
  const at = language === 'zh' ? 1 : 0;
  return { widget: column(widget, at), desk: column(desk, at) };
}
