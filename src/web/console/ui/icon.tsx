// Line icons on a 20-unit grid, drawn for this console; the mark is a post house with a letter in
// it.

const PATHS = {
  back: 'M12.5 4.5 7 10l5.5 5.5',
  send: 'M3.5 10 16.5 4l-3.6 12-3.4-4.6zM9.5 11.4l3.2-3.4',
  attach:
    'm15.5 9.2-5.9 5.9a3.4 3.4 0 0 1-4.8-4.8l6.3-6.3a2.2 2.2 0 0 1 3.1 3.1l-6 6a1 1 0 0' +
    ' 1-1.4-1.4l5.2-5.2',
  smile:
    'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7.2 11.8c.7 1 1.7 1.5 2.8 1.5s2.1-.5 2.8-1.5' +
    'M7.7 8.2v.1M12.3 8.2v.1',
  gear:
    'M10 12.4a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8ZM10 2.8v1.9M10 15.3v1.9' +
    'M17.2 10h-1.9M4.7 10H2.8M15.1 4.9l-1.4 1.4M6.3 13.7l-1.4 1.4M15.1 15.1l-1.4-1.4' +
    'M6.3 6.3 4.9 4.9',
  bell:
    'M5.5 8.5a4.5 4.5 0 0 1 9 0c0 3.8 1.5 4.8 1.5 4.8H4s1.5-1 1.5-4.8Z' +
    'M8.6 16a1.5 1.5 0 0 0 2.8 0',
  sound: 'M4 8h2.5L10 5v10l-3.5-3H4zM12.8 7.6a3.4 3.4 0 0 1 0 4.8M15 5.5a6.4 6.4 0 0 1 0 9',
  theme: 'M16.3 11.8A6.7 6.7 0 0 1 8.2 3.7a6.7 6.7 0 1 0 8.1 8.1Z',
  globe:
    'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM3 10h14M10 3c2 2 2.8 4.4 2.8 7S12 15 10 17' +
    'c-2-2-2.8-4.4-2.8-7S8 5 10 3Z',
  leave: 'M8 4H4.5v12H8M12.5 6.5 16 10l-3.5 3.5M16 10H8',
  person: 'M10 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4 16.5c.5-3 2.9-4.5 6-4.5s5.5 1.5 6 4.5',
  people:
    'M7.5 9.5a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2ZM2.5 15.5c.3-2.6 2.3-3.8 5-3.8s4.7' +
    ' 1.2 5 3.8M12.8 4.7a2.4 2.4 0 0 1 0 4.6M14.3 12c1.8.4 3 1.5 3.2 3.5',
  inbox: 'M3 11.5 5.2 4.5h9.6L17 11.5v4.5H3zM3 11.5h4l1.2 2h3.6l1.2-2h4',
  lock: 'M5 9h10v7.5H5zM7 9V6.8a3 3 0 0 1 6 0V9M10 12v1.8',
  house: 'M2.8 8.7 10 3.6l7.2 5.1M4.5 8.3v8h11v-8M4.5 9.8 10 13.6l5.5-3.8',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  close: 'M5 5l10 10M15 5 5 15',
  check: 'm4.5 10.5 3.5 3.5 7.5-8',
  give: 'M4 6.5h10.5M11.5 3.5l3 3-3 3M16 13.5H5.5M8.5 10.5l-3 3 3 3',
  reopen: 'M4.5 10a5.5 5.5 0 1 1 1.7 4M4 16.5v-3h3',
  take: 'M10 3.5v8M6.5 8.5 10 12l3.5-3.5M4 12.5v4h12v-4',
  side: 'M3.5 4.5h13v11h-13zM12 4.5v11',
  down: 'M4.5 8 10 13.5 15.5 8',
  file: 'M5.5 3h6l3.5 3.5V17h-9.5zM11.5 3v3.5H15',
  save: 'M10 3.5v9M6.5 9 10 12.5 13.5 9M4 16.5h12',
  recall: 'M7.5 4.5 4 8l3.5 3.5M4 8h7.5a4 4 0 0 1 0 8H8',
  copy: 'M7 7h9.5v9.5H7zM4.5 13H3.5V3.5H13v1',
  plus: 'M10 4v12M4 10h12',
  note: 'M4 3.5h12v9l-4 4H4zM12 16.5v-4h4M7 7.5h6M7 10.5h4',
  star: 'm10 3.3 2 4.3 4.7.6-3.5 3.2.9 4.7-4.1-2.3-4.1 2.3.9-4.7L3.3 8.2 8 7.6z',
  warn: 'M10 3.5 17.5 16h-15zM10 8.3v3.4M10 13.8v.1',
  clock: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 6v4.2l2.7 1.6',
  talk: 'M3.5 4.5h13v9.5H9L5.5 17v-3h-2z',
  cert: 'M4 3.5h12v8.5H4zM10 17l-1.8-1v-4h3.6v4zM7 6.5h6M7 9h3',
  open: 'M8 5H4.5v10.5H15V12M11 4.5h5V9.5M16 4.5 9.5 11',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, small = false }: { name: IconName; small?: boolean }) {
  return (
    <svg class={small ? 'icon small' : 'icon'} viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The product's mark. */
export function MarkGlyph() {
  return (
    <svg class="icon mark-glyph" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS.house} />
    </svg>
  );
}
