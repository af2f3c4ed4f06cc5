// SPDX-License-Identifier: Apache-2.0
// Something known by its id alone: looked for, and gone to.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Button, Empty, navigate, useLoad, type Params } from "../../kit";
import { C } from "../../words/console";
import { Shown } from "../common";
import { find, openFinder, pageOf } from "../find";
import { usePage } from "../shell";

export function FoundPage({ params }: { params: Params }): JSX.Element {
  const id = params["q"]!;
  usePage(C.find.title);
  const loaded = useLoad(`find ${id}`, (signal) => find(id, signal));
  const only = loaded.data?.data[0];
  useEffect(() => {
    if (only) navigate(pageOf(only), { replace: true });
  }, [only]);
  return <Shown loaded={loaded}>{(list) => list.data.length === 0 && <Empty art="line" title={C.find.nothing(id)} actions={<Button icon="search" onClick={openFinder}>{C.find.title}</Button>}>{C.find.nothingHint}</Empty>}</Shown>;
}
