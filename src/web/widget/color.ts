// The inbox's colour with text on it that can be read (WCAG 2.2, 1.4.3: contrast 4.5).

/** Relative luminance of "#rrggbb", 0 to 1. */
export function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** White where it is legible on `color`, near-black otherwise. */
export function textOn(color: string): string {
  return 1.05 / (luminance(color) + 0.05) >= 4.5 ? '#ffffff' : '#11161c';
}
