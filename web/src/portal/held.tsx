// SPDX-License-Identifier: Apache-2.0
// New rows of a list that asks again by itself wait behind a button, so that nothing moves under the reader's finger.
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { List, Loaded } from "./common";

export interface Held<T> {
  rows: readonly T[] | undefined;
  /** How many wait. */
  waiting: number;
  show(): void;
}

/** The rows of a list, newest first. Those that are shown already follow what became of them. */
export function useHeld<T>(list: Loaded<List<T>>, keyOf: (row: T) => string): Held<T> {
  const rows = list.data?.data, key = list.key;
  const held = useRef<{ key: string; rows: readonly T[] }>({ key: "", rows: [] });
  const [, draw] = useState(0);
  if (!rows) return { rows, waiting: 0, show: () => undefined };
  const shown = new Set(held.current.rows.map(keyOf));
  const first = rows.findIndex((row) => shown.has(keyOf(row)));
  // Another list, or one that was empty, is shown at once.
  const isFresh = held.current.key !== key || shown.size === 0;
  const waiting = isFresh ? 0 : first < 0 ? rows.length : first;
  if (isFresh || waiting === 0) held.current = { key, rows };
  else if (waiting < rows.length) held.current = { key, rows: rows.slice(waiting) };
  return {
    rows: held.current.rows,
    waiting,
    show: () => {
      held.current = { key, rows };
      draw((n) => n + 1);
    },
  };
}

export function Newer({ held, words }: { held: Held<unknown>; words: (n: number) => string }): JSX.Element | null {
  return <div role="status">{held.waiting > 0 && <button type="button" class="newer" onClick={held.show}>{words(held.waiting)}</button>}</div>;
}
