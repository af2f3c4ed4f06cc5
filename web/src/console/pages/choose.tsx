// SPDX-License-Identifier: Apache-2.0
// Rows that are chosen, to act on all of them: a box in each row, one for the page, and a bar that says how many and what can be done.
// Keys: space or x chooses the row that has the focus; with shift, all between it and the one before.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, ErrorPanel, may, type Column } from "../../kit";
import { C } from "../../words/console_choose";
import { eachOf } from "../common";

export interface Chosen<T> {
  /** The chosen rows of the page one looks at. */
  rows: readonly T[];
  /** What the table needs; nothing for those who may not change anything. */
  columns: readonly Column<T>[];
  isPicked: (row: T) => boolean;
  onRowKey: (row: T, event: KeyboardEvent) => void;
  clear: () => void;
}

function BoxOfAll({ all, some, onChange }: { all: boolean; some: boolean; onChange: (on: boolean) => void }): JSX.Element {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = some && !all;
  }, [all, some]);
  return <input ref={box} type="checkbox" class="box-in" aria-label={C.choose.page} checked={all} onChange={(event) => onChange(event.currentTarget.checked)} />;
}

export function useChosen<T>(rows: readonly T[] | undefined, keyOf: (row: T) => string, nameOf: (row: T) => string): Chosen<T> {
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  const order = rows?.map(keyOf) ?? [];
  const n = order.filter((key) => keys.has(key)).length;
  const choose = (key: string, isRange: boolean) => {
    const on = !keys.has(key), next = new Set(keys);
    const from = isRange && last.current ? order.indexOf(last.current) : -1, to = order.indexOf(key);
    const some = from < 0 ? [key] : order.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const one of some) {
      if (on) next.add(one);
      else next.delete(one);
    }
    last.current = key;
    setKeys(next);
  };
  const box: Column<T> = {
    key: "box", class: "c-box",
    head: <BoxOfAll all={n > 0 && n === order.length} some={n > 0} onChange={(on) => setKeys(new Set(on ? order : []))} />,
    cell: (row) => <input type="checkbox" class="box-in" aria-label={C.choose.row(nameOf(row))} checked={keys.has(keyOf(row))} onClick={(event) => choose(keyOf(row), event.shiftKey)} />,
  };
  return {
    rows: rows?.filter((row) => keys.has(keyOf(row))) ?? [],
    columns: may("change") ? [box] : [],
    isPicked: (row) => keys.has(keyOf(row)),
    onRowKey: (row, event) => {
      if (!may("change") || (event.key !== " " && event.key.toLowerCase() !== "x")) return;
      event.preventDefault(); // a space would scroll
      choose(keyOf(row), event.shiftKey);
    },
    clear: () => setKeys(new Set()),
  };
}

/** How many are chosen, and what can be done with them; nothing as long as none is. */
export function ChosenBar<T>({ chosen, words, error, children }: { chosen: Chosen<T>; words: string; error: unknown; children: ComponentChildren }): JSX.Element | null {
  if (!chosen.rows.length) return null;
  return (
    <div class="row wrap chosen" role="group" aria-label={words}>
      <b role="status">{words}</b>
      {children}
      <Button small kind="quiet" onClick={chosen.clear}>{C.choose.clear}</Button>
      {error != null && <ErrorPanel error={error} />}
    </div>
  );
}

const AT_ONCE = 3;

/** Does it to each. How many failed, and what the server said of the first of them. */
export async function onEach<T>(rows: readonly T[], act: (row: T) => Promise<unknown>): Promise<{ failed: number; error: unknown }> {
  let failed = 0, error: unknown = null;
  await eachOf(rows, AT_ONCE, async (row) => {
    try {
      await act(row);
    } catch (caught) {
      failed++;
      error ??= caught;
    }
  });
  return { failed, error };
}
