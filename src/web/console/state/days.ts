// Days of this browser's time zone.

export function dayNumber(ms: number): number {
  const day = new Date(ms);
  return Math.round(new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime() / 864e5);
}

/** Whether two moments fall on one day. */
export const sameDay = (a: number, b: number) => dayNumber(a) === dayNumber(b);
