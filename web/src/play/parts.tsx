// SPDX-License-Identifier: Apache-2.0
// What the three trials have in common: input on one side, result on the other, and where two texts differ.
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { Panel } from "../kit/ui";
import { Y } from "../words/play";
import { differencesOf } from "./json";

/** Input to the left, result to the right, one below the other where there is no room. */
export function Bench({ input, result, actions, onSubmit }: { input: ComponentChildren; result: ComponentChildren; actions: ComponentChildren; onSubmit: () => void }): JSX.Element {
  return (
    <form class="bench" noValidate autocomplete="off" onSubmit={(event) => { event.preventDefault(); onSubmit(); }}>
      <Panel title={Y.input} footer={<><span class="grow" />{actions}</>}><div class="body stack-3">{input}</div></Panel>
      <Panel title={Y.result}><div class="body stack-3" role="status">{result}</div></Panel>
    </form>
  );
}

const CUT = 400;

function cut(text: string): string {
  return text.length > CUT ? `${text.slice(0, CUT)}…` : text;
}

export function Diff({ from, to }: { from: string; to: string }): JSX.Element {
  const { found, isWhole } = useMemo(() => differencesOf(from, to), [from, to]);
  if (!found.length) return <p class="soft">{Y.transform.same}</p>;
  return (
    <>
      <div class="diff">
        {found.map((one) => (
          <>
            <div class="at"><span /><bdi>{one.path}</bdi></div>
            {one.from !== null && <div class="del"><bdi>{cut(one.from)}</bdi></div>}
            {one.to !== null && <div class="add"><bdi>{cut(one.to)}</bdi></div>}
          </>
        ))}
      </div>
      {!isWhole && <p class="hint">{Y.transform.diffLong}</p>}
    </>
  );
}
