// SPDX-License-Identifier: Apache-2.0
// What has come since a list was loaded waits behind a button, so that rows do not move under the reader's hand.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { count, Icon, type List, type Loaded } from "../kit";
import { C } from "../words/console";

const LOOK_MS = 10_000;

interface Props<T> {
  list: Loaded<List<T>>;
  /** The page one looks at; newer rows are looked for on the first only. */
  at: string | null;
  /** The same list from an iterator on. */
  peek: (iterator: string | null) => Promise<List<T>>;
}

export function Newer<T>({ list, at, peek }: Props<T>): JSX.Element | null {
  const [found, setFound] = useState<{ n: number; isMore: boolean } | null>(null);
  const { data } = list;
  useEffect(() => {
    setFound(null);
    if (at || !data) return;
    let isOver = false;
    const look = async () => {
      if (document.hidden) return;
      const page = await peek(data.prevIterator ?? null).catch(() => null);
      if (!isOver && page) setFound(page.data.length ? { n: page.data.length, isMore: !page.done } : null);
    };
    const timer = setInterval(() => void look(), LOOK_MS);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [data, at]);
  return (
    <span role="status" class="newerbox">
      {found && <button type="button" class="chip newer" onClick={list.reload}><Icon name="up" small />{found.isMore ? C.common.newRowsMore(count(found.n)) : C.common.newRows(found.n)}</button>}
    </span>
  );
}
