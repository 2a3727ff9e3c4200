import assert from 'node:assert/strict';
import { test } from 'node:test';
import { luminance, textOn } from '../color.ts';
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

test('text on any colour has a contrast of at least 4.5', () => {
  for (const color of [
    '#000000',
    '#0f5c63',
    '#ff5500',
    '#ffeb3b',
    '#7f7f7f',
    '#ffffff',
    '#2196f3',
  ]) {
    const [low, high] = [luminance(color), luminance(textOn(color))].sort((a, b) => a - b);
    assert.ok((high! + 0.05) / (low! + 0.05) >= 4.5, color);
  }
});
