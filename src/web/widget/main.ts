// What the script tag runs: finds its own attributes, puts one widget into the page.
import { PosthouseWidget } from './widget.ts';

const script = document.currentScript as HTMLScriptElement | null;

function mount({ src, dataset }: HTMLScriptElement): void {
  if (!dataset.inbox || document.querySelector('posthouse-widget')) return;
  if (!customElements.get('posthouse-widget'))
    customElements.define('posthouse-widget', PosthouseWidget);
  const widget = document.createElement('posthouse-widget') as PosthouseWidget;
  const language = dataset.lang || document.documentElement.lang || navigator.language;
  widget.setUp(new URL(src).origin, dataset.inbox, language);
  document.body.append(widget);
}

if (script) {
  if (document.body) mount(script);
  else addEventListener('DOMContentLoaded', () => mount(script));
}
