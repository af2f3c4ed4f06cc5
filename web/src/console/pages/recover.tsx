// SPDX-License-Identifier: Apache-2.0
// Bulk actions of one endpoint: what failed is sent again, to it or to another, and what waits can be dropped.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Dialog, ErrorPanel, Field, navigate, part, Select, toast, useAct, useLoad, when, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_delivery";
import { appPath, endpointName, endpointPath } from "../common";
import { momentOf, SINCE } from "../moments";
import type { Endpoint } from "../types";
import { BulkDialog } from "./bulk";

interface RecoverProps {
  app: string;
  endpoint: Endpoint;
  onClose: () => void;
  onDone: () => void;
}

export function Recover({ app, endpoint, onClose, onDone }: RecoverProps): JSX.Element {
  return <BulkDialog action="recover" title={C.recover.title(endpointName(endpoint))} filter={{ appId: app, endpointId: endpoint.id, states: ["fail"] }} onClose={onClose} onDone={onDone} />;
}

export function ReplayAll({ app, endpoint, onClose, onDone }: RecoverProps): JSX.Element {
  return <BulkDialog action="replay" title={C.recover.againTitle(endpointName(endpoint))} text={C.recover.againText} filter={{ appId: app, endpointId: endpoint.id }} since="now-1h" onClose={onClose} onDone={onDone} />;
}

export function DropWaiting({ app, endpoint, onClose, onDone }: RecoverProps): JSX.Element {
  return <BulkDialog action="cancel" title={C.recover.dropTitle(endpointName(endpoint))} text={C.recover.dropText} filter={{ appId: app, endpointId: endpoint.id }} since="" onClose={onClose} onDone={onDone} />;
}

/** What failed here goes to another endpoint of the application. */
export function Elsewhere({ app, endpoint, onClose, onDone }: RecoverProps): JSX.Element {
  const list = useLoad(`elsewhere ${app}`, (signal) => api.get<List<Endpoint>>(`${appPath(app)}/endpoint`, { limit: 250 }, signal));
  const others = (list.data?.data ?? []).filter((one) => one.id !== endpoint.id && !one.disabled);
  const [to, setTo] = useState<string | null>(null);
  const [chosen, setChosen] = useState("");
  if (to) return <BulkDialog action="resend" title={C.recover.elsewhereTitle(endpointName(endpoint))} filter={{ appId: app, endpointId: endpoint.id, to }} onClose={onClose} onDone={onDone} />;
  const value = chosen || others[0]?.id || "";
  return (
    <Dialog title={C.recover.elsewhereTitle(endpointName(endpoint))} onClose={onClose} onSubmit={() => value && setTo(value)}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" disabled={!value}>{C.recover.countIt}</Button></>}>
      <p>{C.recover.elsewhereText}</p>
      {list.data && !others.length ? <p class="warned">{C.recover.noOther}</p> : <Field label={C.recover.to}><Select value={value} options={others.map((one) => [one.id, endpointName(one)] as const)} onValue={setChosen} data-first="" /></Field>}
      {list.error != null && <ErrorPanel error={list.error} />}
    </Dialog>
  );
}

/** Messages that were never meant for it: it was not there, was disabled, or had other settings. `since`: the moment of
    the change that cost them. */
export function ReplayMissing({ app, endpoint, since: lost, onClose, onDone }: RecoverProps & { since?: string }): JSX.Element {
  const [since, setSince] = useState<string>(lost ?? "now-24h");
  const spans = SINCE.slice(0, 5);
  const sinces = lost ? [[lost, C.recover.sinceChange(when(lost))] as const, ...spans] : spans;
  const { isBusy, error, run } = useAct();
  const start = async () => {
    let task = "";
    if (!(await run(async () => { task = (await api.post<{ id: string }>(`${endpointPath(app, endpoint.id)}/replay-missing`, { since: momentOf(since) })).id; }))) return;
    toast.say(C.recover.started);
    onClose();
    onDone();
    navigate(`/tasks/${part(task)}`);
  };
  return (
    <Dialog title={C.recover.replayTitle(endpointName(endpoint))} onClose={onClose} onSubmit={start}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy}>{C.recover.start}</Button></>}>
      <p>{C.recover.replayText}</p>
      <Field label={C.recover.since} hint={C.recover.sinceHint}><Select value={since} options={sinces} onValue={setSince} data-first="" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
