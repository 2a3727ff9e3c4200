// Short messages at the foot of the screen: a refusal with its remedy, or that something was done.
import { signal } from '@preact/signals';
import type { Problem } from './api.ts';

export interface Toast {
  id: number;
  problem?: Problem;
  text?: string;
}

const SHOWN_MS = 8_000;
const MOST = 3;
let last = 0;
export const toasts = signal<readonly Toast[]>([]);

function add(toast: Omit<Toast, 'id'>): void {
  const id = ++last;
  toasts.value = [...toasts.value, { id, ...toast }].slice(-MOST);
  setTimeout(() => dismiss(id), SHOWN_MS);
}

export const complain = (problem: Problem) => add({ problem });
export const tell = (text: string) => add({ text });

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}
