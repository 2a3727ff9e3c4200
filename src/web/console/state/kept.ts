// What the browser keeps of this console between visits; a browser that refuses storage forgets.

type Key = 'language' | 'theme' | 'sound' | 'notify' | 'status' | 'seen';

export function remembered(key: Key): string | null {
  try {
    return localStorage.getItem(`posthouse.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: Key, value: string): void {
  try {
    localStorage.setItem(`posthouse.${key}`, value);
  } catch {
    // Private mode: the choice lasts as long as the page.
  }
}
