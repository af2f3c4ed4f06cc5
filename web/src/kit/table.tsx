// SPDX-License-Identifier: Apache-2.0
// A table of rows that are links. First what it is, figures to the right, time last.
import type { ComponentChildren, JSX } from "preact";
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
  /** A key other than Enter, on a row that has the focus. */
  onRowKey?: (row: T, event: KeyboardEvent) => void;
  dense?: boolean;
  isSlow?: boolean;
  skeletonRows?: number;
  class?: string;
}

function isControl(target: EventTarget | null): boolean {
  return !!(target as Element | null)?.closest("a, button, input, label, select, summary");
}

function cellClass<T>(column: Column<T>): string {
  return `${column.class ?? ""}${column.isNum ? " num" : ""}`.trim();
}

function SkeletonRows<T>({ columns, n }: { columns: readonly Column<T>[]; n: number }): JSX.Element {
  return (
    <>
      {Array.from({ length: n }, (_, i) => (
        <tr class="is-skel">
          {columns.map((column, c) => <td class={cellClass(column)}>{column.key !== "box" && <Skel w={c === 0 ? (i % 2 ? 4 : 5) : 2} />}</td>)}
        </tr>
      ))}
    </>
  );
}

export function Table<T>(props: TableProps<T>): JSX.Element {
  const { columns, rows, rowKey, rowTo, onPick, isPicked, onRowKey } = props;
  const open = (row: T, event: MouseEvent | KeyboardEvent) => {
    if (isControl(event.target)) return;
    const to = rowTo?.(row);
    if (to) navigate(to);
    else onPick?.(row);
  };
  return (
    <table class={`tbl${props.dense ? " dense" : ""}${props.class ? ` ${props.class}` : ""}`} aria-label={props.label} aria-busy={!rows || undefined}>
      <thead>
        <tr>
          {columns.map((column) => <th scope="col" class={cellClass(column)}>{column.head}</th>)}
        </tr>
      </thead>
      <tbody>
        {!rows && props.isSlow && <SkeletonRows columns={columns} n={props.skeletonRows ?? 8} />}
        {rows?.map((row) => {
          const key = rowKey(row);
          const isLink = !!(rowTo || onPick);
          return (
            <tr key={key} data-row="" tabIndex={isLink ? -1 : undefined} class={isLink ? "is-link" : ""} aria-selected={isPicked?.(row) || undefined}
              onClick={(event) => isLink && !getSelection()?.toString() && open(row, event)}
              onKeyDown={(event) => {
                if (event.target !== event.currentTarget) return;
                if (event.key === "Enter") open(row, event);
                else onRowKey?.(row, event);
              }}>
              {columns.map((column) => <td class={cellClass(column)}>{column.cell(row)}</td>)}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
