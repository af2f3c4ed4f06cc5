// SPDX-License-Identifier: Apache-2.0
// Keys for those who like them: one letter, or g and a letter. They are off in fields and in dialogs, and off
// altogether by a setting, as WCAG 2.1.4 asks.
import { signal } from "@preact/signals";
import { keep, kept } from "./safe";

export const areKeysOn = signal(kept("keys") !== "off");

export function setKeysOn(on: boolean): void {
  areKeysOn.value = on;
  keep("keys", on ? null : "off");
}

const SEQUENCE_MS = 1200;
const bindings = new Map<string, () => void>();
let pending = "";
let pendingSince = 0;

/** Binds keys such as "/" or "g a"; hands out how to unbind them. */
export function bindKeys(map: Record<string, () => void>): () => void {
  for (const [keys, act] of Object.entries(map)) bindings.set(keys, act);
  return () => {
    for (const [keys, act] of Object.entries(map)) if (bindings.get(keys) === act) bindings.delete(keys);
  };
}

function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return !!element?.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], dialog[open]");
}

/** Goes to the next or previous row of the page's table. */
function moveRow(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")].filter((row) => row.offsetParent !== null);
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step))]!;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function onKey(event: KeyboardEvent): void {
  if (!areKeysOn.value || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const key = event.key;
  const isSequence = pending && Date.now() - pendingSince < SEQUENCE_MS;
  const act = (isSequence && bindings.get(`${pending} ${key}`)) || bindings.get(key);
  pending = "";
  if (act) {
    event.preventDefault();
    act();
  } else if (key === "g") {
    pending = "g";
    pendingSince = Date.now();
  } else if (key === "j" || key === "k") {
    event.preventDefault();
    moveRow(key === "j" ? 1 : -1);
  }
}

export function startKeys(): void {
  addEventListener("keydown", onKey);
}
