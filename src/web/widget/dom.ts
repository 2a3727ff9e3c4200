// Elements without innerHTML: text reaches the page as text only.

type Props = Record<string, unknown>;
export type Child = Node | string | false | undefined;

/** `h('button.send', { type: 'button', onclick }, 'Send')`; children that are empty are left out. */
export function h<T extends HTMLElement = HTMLElement>(
  name: string,
  props: Props = {},
  ...children: Child[]
): T {
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag!) as T;
  element.className = classes.join(' ');
  for (const [key, value] of Object.entries(props)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value as EventListener);
    else element.setAttribute(key, String(value));
  }
  element.append(...(children.filter(Boolean) as (Node | string)[]));
  return element;
}

/** An icon of one path in a 24 by 24 box. */
export function icon(path: string): SVGElement {
  const [svg, shape] = ['svg', 'path'].map((tag) =>
    document.createElementNS('http://www.w3.org/2000/svg', tag),
  ) as [SVGElement, SVGElement];
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}
