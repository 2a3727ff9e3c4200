// Judges a screen as a person with a ruler would, and as axe-core does: nothing runs out of the page,
// no label is cut, names and contrasts are there (WCAG 2.2, levels A and AA).
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const made = process.env.POSTHOUSE_BROWSER;
const axe = readFileSync(createRequire(`${made}/node/`).resolve('axe-core/axe.min.js'), 'utf8');

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** A line for each finding on `page`. */
export async function judge(page) {
  return [...(await page.evaluate(measure)), ...(await audit(page))];
}

async function audit(page) {
  // The console's policy allows no script of others; the test's own context is not the page's.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const { violations } = await page.evaluate(
    (rules) => window.axe.run(document, { runOnly: { type: 'tag', values: rules } }),
    RULES,
  );
  const told = ({ target, any, all }) => {
    const why = [...any, ...all].map((check) => check.message).join('; ');
    return `${target.flat().join(' ')}: ${why}`;
  };
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${told(node)}`));
}

/** Runs in the page. */
function measure() {
  const out = [];
  const wide = document.documentElement;
  if (wide.scrollWidth > innerWidth) out.push(`the page is ${wide.scrollWidth} pixels wide`);
  const named = (element) =>
    `${element.localName}.${element.className} "${element.textContent.slice(0, 30)}"`;
  const visit = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) visit(element.shadowRoot);
      if (!element.checkVisibility({ visibilityProperty: true })) continue;
      const style = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      // For screen readers only.
      if (style.clipPath !== 'none' || box.width < 2) continue;
      const scrolls = element.closest('.settings-side, .rows, .log, .snippet');
      if (!scrolls && (box.right > innerWidth + 1 || box.left < -1))
        out.push(`outside the page: ${named(element)}`);
      const label = element.matches('button, a, h1, h2, h3, label, legend, .label, .tag, dt');
      const cut = element.scrollWidth > element.clientWidth + 1 && style.overflowX === 'hidden';
      if (label && cut && style.textOverflow !== 'ellipsis') out.push(`cut: ${named(element)}`);
      const grown = element.scrollWidth > element.clientWidth + 1 && style.display !== 'inline';
      if (element.matches('button') && grown) out.push(`text runs over: ${named(element)}`);
    }
  };
  visit(document);
  return out;
}
