// Text with its web addresses as links. Only http and https become links, and only as text nodes.
import { h } from './dom.ts';

const ADDRESS = /https?:\/\/[^\s<>"'，。；、！？（）《》“”]+/gi;
const TAIL = /[.,;:!?)\]}]+$/;

/** Pieces of `text`: addresses have `link` set. */
export function pieces(text: string): { text: string; link: boolean }[] {
  const out: { text: string; link: boolean }[] = [];
  let from = 0;
  const push = (piece: string, link: boolean) => piece && out.push({ text: piece, link });
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TAIL, '');
    push(text.slice(from, match.index), false);
    push(address, /^https?:\/\/\w/i.test(address));
    from = match.index + address.length;
  }
  push(text.slice(from), false);
  return out;
}

/** Nodes of `text` for a message's bubble. */
export function linkify(text: string): Node[] {
  return pieces(text).map((piece) =>
    piece.link
      ? h(
          'a',
          { href: piece.text, target: '_blank', rel: 'noopener noreferrer nofollow' },
          piece.text,
        )
      : document.createTextNode(piece.text),
  );
}
