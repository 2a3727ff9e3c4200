// The inbox's colour with text on it that can be read (WCAG 2.2, 1.4.3: contrast 4.5).

/** White where it is legible on the colour "#rrggbb", black otherwise. */
export function textOn(color: string): string {
  // Relative luminance, at most 0.001 too high: the formula's straight piece at the dark end is left
  // out. White is legible up to 0.183, black from 0.175 on.
  const [red, green, blue] = [1, 3, 5].map(
    (at) => ((parseInt(color.slice(at, at + 2), 16) / 255 + 0.055) / 1.055) ** 2.4,
  ) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.18 ? '#fff' : '#000';
}
