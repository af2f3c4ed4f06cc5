// SPDX-License-Identifier: Apache-2.0
// Short words on what was done, at the bottom left: gone after 6 s unless something failed.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { W } from "../words/en";
import { ApiError } from "./api";
import { Icon } from "./icons";

interface Toast {
  id: number;
  words: string;
  detail?: string;
  isBad: boolean;
  undo?: () => void;
}

const TOAST_MS = 6000;
const MOST = 4;
const toasts = signal<Toast[]>([]);
let last = 0;

function add(one: Omit<Toast, "id">): void {
  const id = ++last;
  toasts.value = [...toasts.value.slice(1 - MOST), { ...one, id }];
  if (!one.isBad) setTimeout(() => drop(id), TOAST_MS);
}

function drop(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export const toast = {
  say: (words: string, undo?: () => void) => add({ words, undo, isBad: false }),
  fail: (error: unknown) => {
    const known = error instanceof ApiError ? error : null;
    const words = known?.status === 0 ? W.error.unreachable : known?.detail || (error instanceof Error && error.message) || W.error.noWords;
    add({ words, detail: known?.requestId ? W.error.request(known.requestId) : undefined, isBad: true });
  },
};

/** Where they appear; once a page. */
export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((one) => (
        <div class={`toast${one.isBad ? " fail" : ""}`} key={one.id}>
          <Icon name={one.isBad ? "alarm" : "ok"} class={one.isBad ? "" : "good"} />
          <span class="grow">
            <bdi>{one.words}</bdi> {one.detail && <span class="muted mono">{one.detail}</span>}
          </span>
          {one.undo && <button type="button" class="btn s quiet" onClick={() => { drop(one.id); one.undo?.(); }}>{W.toast.undo}</button>}
          <button type="button" class="copy" aria-label={W.toast.dismiss} title={W.toast.dismiss} onClick={() => drop(one.id)}><Icon name="x" small /></button>
        </div>
      ))}
    </div>
  );
}
