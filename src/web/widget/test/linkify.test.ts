import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textOn } from '../color.ts';
import { pieces } from '../linkify.ts';

const links = (text: string) =>
  pieces(text)
    .filter((piece) => piece.link)
    .map((piece) => piece.text);

test('only http and https become links', () => {
  assert.deepEqual(links('see https://a.example/x?y=1#z and http://b.example.'), [
    'https://a.example/x?y=1#z',
    'http://b.example',
  ]);
  assert.deepEqual(links('javascript:alert(1) data:text/html,x ftp://c file:///etc https://'), []);
});

test('punctuation after an address, Chinese too, is not part of it', () => {
  assert.deepEqual(links('请看 https://a.example/文档，谢谢。(http://b.example/x)'), [
    'https://a.example/文档',
    'http://b.example/x',
  ]);
});

test('nothing of the text is lost', () => {
  for (const text of [
    '',
    'plain',
    '<b>&</b> https://a.example/<script>',
    'a https://x.example, b',
  ]) {
    assert.equal(
      pieces(text)
        .map((piece) => piece.text)
        .join(''),
      text,
    );
  }
});

/** Relative luminance as WCAG 2.2 defines it, of three parts from 0 to 255. */
function luminance(parts: number[]): number {
  const [red, green, blue] = parts.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

test('text on any colour has a contrast of at least 4.5', () => {
  const steps = Array.from({ length: 52 }, (_, at) => at * 5);
  for (const red of steps)
    for (const green of steps)
      for (const blue of steps) {
        const color = [red, green, blue];
        const hex = color.map((part) => part.toString(16).padStart(2, '0')).join('');
        const text = textOn(`#${hex}`) === '#fff' ? 1 : 0;
        const [low, high] = [luminance(color), text].sort((a, b) => a - b);
        assert.ok((high! + 0.05) / (low! + 0.05) >= 4.5, hex);
      }
});
