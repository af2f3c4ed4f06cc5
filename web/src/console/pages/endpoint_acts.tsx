// SPDX-License-Identifier: Apache-2.0
// A test event, and a new secret.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Dialog, ErrorPanel, Field, Input, navigate, part, Select, toast, useAct, useLoad, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_delivery";
import { endpointPath } from "../common";
import type { Endpoint, EventType, Message } from "../types";

export function SendTest({ app, endpoint, onClose, onDone }: { app: string; endpoint: Endpoint; onClose: () => void; onDone: () => void }): JSX.Element {
  const types = useLoad("types", (signal) => api.get<List<EventType>>("/api/v1/event-type", { limit: 250, with_content: true }, signal));
  const [type, setType] = useState(endpoint.eventTypes?.[0] ?? "");
  const { isBusy, error, run } = useAct();
  const send = async () => {
    let id = "";
    const isDone = await run(async () => {
      id = (await api.post<Message>(`${endpointPath(app, endpoint.id)}/send-example`, { eventType: type.trim() })).id;
    });
    if (!isDone) return;
    toast.say(C.endpoint.tested);
    onClose();
    onDone();
    if (id) navigate(`/apps/${part(app)}/messages/${part(id)}`);
  };
  return (
    <Dialog title={C.endpoint.test} onClose={onClose} onSubmit={send} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" icon="send" busy={isBusy} disabled={!type.trim()}>{C.endpoint.test}</Button></>}>
      <Field label={C.endpoint.testType} hint={C.endpoint.testHint}><Input mono value={type} onValue={setType} list="test-types" data-first="" /></Field>
      <datalist id="test-types">{types.data?.data.map((one) => <option value={one.name} />)}</datalist>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

export function RotateSecret({ path, onClose }: { path: string; onClose: () => void }): JSX.Element {
  const [grace, setGrace] = useState<string>("86400");
  const [key, setKey] = useState("");
  const { isBusy, error, run } = useAct();
  const rotate = async () => {
    if (!(await run(() => api.post<void>(`${path}/secret/rotate`, { gracePeriodSeconds: Number(grace), ...(key.trim() ? { key: key.trim() } : {}) })))) return;
    toast.say(C.endpoint.rotated);
    onClose();
  };
  return (
    <Dialog title={C.endpoint.rotateTitle} onClose={onClose} onSubmit={rotate} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy}>{C.endpoint.rotate}</Button></>}>
      <p>{C.endpoint.rotateText}</p>
      <Field label={C.endpoint.rotateGrace}><Select value={grace} options={C.endpoint.graces} onValue={setGrace} data-first="" /></Field>
      <Field label={C.endpoint.rotateKey} hint={C.endpoint.rotateKeyHint}><Input type="password" mono value={key} onValue={setKey} autocomplete="off" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
