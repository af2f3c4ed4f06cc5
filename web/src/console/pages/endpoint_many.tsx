// SPDX-License-Identifier: Apache-2.0
// What can be done to several endpoints of an application at once.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, part, toast } from "../../kit";
import { C } from "../../words/console_choose";
import { appPath, useOpen } from "../common";
import type { EndpointRow } from "./app";
import { BulkDialog } from "./bulk";
import { ChosenBar, onEach, type Chosen } from "./choose";

type Act = "recover" | "all";

export function EndpointActs({ app, chosen, onDone }: { app: string; chosen: Chosen<EndpointRow>; onDone: () => void }): JSX.Element {
  const [busy, setBusy] = useState<"enable" | "disable" | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [act, open] = useOpen<Act>();
  const ids = chosen.rows.map((row) => row.endpoint.id);
  const path = (id: string) => `${appPath(app)}/endpoint/${part(id)}`;
  const change = async (which: readonly string[], disabled: boolean, undo?: () => void) => {
    setBusy(disabled ? "disable" : "enable");
    const { failed, error: first } = await onEach(which, (id) => (disabled ? api.patch(path(id), { disabled: true }) : api.post(`${path(id)}/enable`)));
    setBusy(null);
    setError(first);
    if (failed) toast.say(C.choose.someFailed(failed, which.length));
    else toast.say(disabled ? C.choose.disabled(which.length) : C.choose.enabled(which.length), undo);
    onDone();
  };
  const off = chosen.rows.filter((row) => row.endpoint.disabled).map((row) => row.endpoint.id), on = ids.filter((id) => !off.includes(id));
  const close = () => open(null);
  return (
    <ChosenBar chosen={chosen} words={C.choose.endpoints(ids.length)} error={error}>
      <Button small busy={busy === "disable"} disabled={!on.length} icon="pause" onClick={() => void change(on, true, () => void change(on, false))}>{C.choose.disable}</Button>
      <Button small busy={busy === "enable"} disabled={!off.length} icon="play" onClick={() => void change(off, false, () => void change(off, true))}>{C.choose.enable}</Button>
      <Button small icon="retry" disabled={!on.length} onClick={() => open("recover")}>{C.choose.recover}</Button>
      <Button small icon="bulk" onClick={() => open("all")}>{C.choose.recoverAll}</Button>
      {act === "recover" && <BulkDialog action="recover" title={C.choose.recoverTitle(ids.length)} text={ids.length > 1 ? C.choose.recoverText : undefined} filter={{ appId: app, states: ["fail"] }} each={on} skipped={off.length} onClose={close} onDone={onDone} />}
      {act === "all" && <BulkDialog action="recover" title={C.choose.recoverAllTitle} filter={{ appId: app, states: ["fail"] }} onClose={close} onDone={onDone} />}
    </ChosenBar>
  );
}
