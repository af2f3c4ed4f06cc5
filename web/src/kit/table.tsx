// SPDX-License-Identifier: Apache-2.0
// A table of rows that are links. First what it is, figures to the right, time last.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { W } from "../words/en";
import { navigate } from "./router";
import { Skel } from "./ui";

export interface Column<T> {
  key: string;
  head: ComponentChildren;
  cell: (row: T) => ComponentChildren;
  isNum?: boolean;
  /** A class for the width, or to leave the column out where there is no room ("c-wide" below 1100 px, "c-lg" below 760). */
  class?: string;
}

interface TableProps<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[] | undefined;
  rowKey: (row: T) => string;
  /** The page or the query of a row; none: it is no link. */
  rowTo?: (row: T) => string | null;
  onPick?: (row: T) => void;
  isPicked?: (row: T) => boolean;
  selected?: ReadonlySet<string>;
  onSelect?: (keys: ReadonlySet<string>) => void;
  rowName?: (row: T) => string;
  dense?: boolean;
  isSlow?: boolean;
  skeletonRows?: number;
  class?: string;
}

function isControl(target: EventTarget | null): boolean {
  return !!(target as Element | null)?.closest("a, button, input, label, select, summary");
}

function SelectAll({ all, some, onChange }: { all: boolean; some: boolean; onChange: (on: boolean) => void }): JSX.Element {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = some && !all;
  }, [all, some]);
  return <input ref={box} type="checkbox" class="box-in" aria-label={W.table.select("")} checked={all} onChange={(event) => onChange(event.currentTarget.checked)} />;
}

function cellClass<T>(column: Column<T>): string {
  return `${column.class ?? ""}${column.isNum ? " num" : ""}`.trim();
}

function SkeletonRows<T>({ columns, n, hasBox }: { columns: readonly Column<T>[]; n: number; hasBox: boolean }): JSX.Element {
  return (
    <>
      {Array.from({ length: n }, (_, i) => (
        <tr class="is-skel">
          {hasBox && <td class="c-box" />}
          {columns.map((column, c) => <td class={cellClass(column)}><Skel w={c === 0 ? (i % 2 ? 4 : 5) : 2} /></td>)}
        </tr>
      ))}
    </>
  );
}

export function Table<T>(props: TableProps<T>): JSX.Element {
  const { columns, rows, rowKey, rowTo, onPick, isPicked, selected, onSelect } = props;
  const open = (row: T, event: MouseEvent | KeyboardEvent) => {
    if (isControl(event.target)) return;
    const to = rowTo?.(row);
    if (to) navigate(to);
    else onPick?.(row);
  };
  const pick = (key: string, on: boolean) => {
    const next = new Set(selected);
    if (on) next.add(key);
    else next.delete(key);
    onSelect?.(next);
  };
  const keys = rows?.map(rowKey) ?? [];
  const chosen = keys.filter((key) => selected?.has(key)).length;
  return (
    <table class={`tbl${props.dense ? " dense" : ""}${props.class ? ` ${props.class}` : ""}`} aria-label={props.label} aria-busy={!rows || undefined}>
      <thead>
        <tr>
          {onSelect && <th class="c-box"><SelectAll all={chosen > 0 && chosen === keys.length} some={chosen > 0} onChange={(on) => onSelect(new Set(on ? keys : []))} /></th>}
          {columns.map((column) => <th scope="col" class={cellClass(column)}>{column.head}</th>)}
        </tr>
      </thead>
      <tbody>
        {!rows && props.isSlow && <SkeletonRows columns={columns} n={props.skeletonRows ?? 8} hasBox={!!onSelect} />}
        {rows?.map((row) => {
          const key = rowKey(row);
          const isLink = !!(rowTo || onPick);
          return (
            <tr key={key} data-row="" tabIndex={isLink ? -1 : undefined} class={isLink ? "is-link" : ""} aria-selected={isPicked?.(row) || selected?.has(key) || undefined}
              onClick={(event) => isLink && !getSelection()?.toString() && open(row, event)}
              onKeyDown={(event) => {
                if (event.key === "Enter" && event.target === event.currentTarget) open(row, event);
                if (event.key === "x" && onSelect && event.target === event.currentTarget) pick(key, !selected?.has(key));
              }}>
              {onSelect && <td class="c-box"><input type="checkbox" class="box-in" aria-label={W.table.select(props.rowName?.(row) ?? key)} checked={selected?.has(key) ?? false} onChange={(event) => pick(key, event.currentTarget.checked)} /></td>}
              {columns.map((column) => <td class={cellClass(column)}>{column.cell(row)}</td>)}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
