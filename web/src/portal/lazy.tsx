// SPDX-License-Identifier: Apache-2.0
// Pages that are fetched when they are first opened, so that the first one is there soon.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button, SkelLines } from "../kit/ui";
import { P } from "./words";

type Component<T> = (props: T) => JSX.Element | null;

const PATIENCE_MS = 150;

/** A component that fetches its code. After an update of the server the old code is gone: a reload brings the new one. */
export function lazy<T extends object>(load: () => Promise<Component<T>>): Component<T> {
  let known: Component<T> | null = null;
  return function Lazy(props: T): JSX.Element | null {
    const [, setTurn] = useState(0);
    const [state, setState] = useState<"waiting" | "slow" | "failed">("waiting");
    useEffect(() => {
      if (known) return;
      const patience = setTimeout(() => setState("slow"), PATIENCE_MS);
      load().then((made) => { known = made; setTurn(1); }, () => setState("failed")).finally(() => clearTimeout(patience));
      return () => clearTimeout(patience);
    }, []);
    const Known = known;
    if (Known) return <Known {...props} />;
    if (state !== "failed") return state === "slow" ? <SkelLines n={5} /> : <div />;
    return <div class="note warn" role="alert"><div class="grow">{P.start.newVersion}</div><Button small onClick={() => location.reload()}>{P.start.reload}</Button></div>;
  };
}
