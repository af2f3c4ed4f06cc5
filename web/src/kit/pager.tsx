// SPDX-License-Identifier: Apache-2.0
// Pages with newer and older, by the iterators of the API, kept in the address. Not endless scrolling: find-in-page,
// back and links work.
import type { ComponentChildren, JSX } from "preact";
import { W } from "../words/en";
import type { List } from "./api";
import { query, setQuery } from "./router";
import { Button } from "./ui";

/** The iterator of the page one looks at, for the call. */
export function pageIterator(name = "iterator"): string | null {
  return query.value.get(name);
}

interface PagerProps {
  list: List<unknown> | undefined;
  name?: string;
  words?: ComponentChildren;
}

export function Pager({ list, name = "iterator", words }: PagerProps): JSX.Element | null {
  const at = query.value.get(name);
  if (!list || (!at && list.done)) return words ? <div class="pager"><span class="muted">{words}</span></div> : null;
  const canGoBack = !!at && !!list.prevIterator && list.data.length > 0;
  return (
    <nav class="pager" aria-label={`${W.pager.newer}, ${W.pager.older}`}>
      <span class="muted">{words}</span>
      <span class="row end">
        {at && <Button small kind="quiet" onClick={() => setQuery({ [name]: null })}>{W.pager.first}</Button>}
        <Button small disabled={!canGoBack} onClick={() => setQuery({ [name]: list.prevIterator! })}>{W.pager.newer}</Button>
        <Button small disabled={list.done || !list.iterator} onClick={() => setQuery({ [name]: list.iterator! })}>{W.pager.older}</Button>
      </span>
    </nav>
  );
}
