// SPDX-License-Identifier: Apache-2.0
// What can be done with several messages at once.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Confirm, Dialog, ErrorPanel, Field, part, Select, toast, useAct, useLoad, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_choose";
import { appPath, endpointName, useOpen } from "../common";
import type { Endpoint, Message } from "../types";
import { ChosenBar, onEach, type Chosen } from "./choose";

interface ActsProps {
  app: string;
  chosen: Chosen<Message>;
  onDone: () => void;
}

/** Each goes to one endpoint, with its settings and secret. */
function SendTo({ app, chosen, onClose, onDone }: ActsProps & { onClose: () => void }): JSX.Element {
  const list = useLoad(`send chosen ${app}`, (signal) => api.get<List<Endpoint>>(`${appPath(app)}/endpoint`, { limit: 250 }, signal));
  const able = (list.data?.data ?? []).filter((one) => !one.disabled);
  const [picked, setPicked] = useState("");
  const { isBusy, error, run } = useAct();
  const to = picked || able[0]?.id || "", n = chosen.rows.length;
  const send = async () => {
    const isDone = await run(async () => {
      const done = await onEach(chosen.rows, (message) => api.post(`${appPath(app)}/msg/${part(message.id)}/endpoint/${part(to)}/resend`, {}));
      if (done.failed) toast.say(C.choose.notSent(done.failed, n));
      if (done.error != null) throw done.error;
    });
    onDone();
    if (!isDone) return;
    toast.say(C.choose.sent(n));
    chosen.clear();
    onClose();
  };
  return (
    <Dialog title={C.choose.sendTitle(n)} onClose={onClose} onSubmit={() => to && void send()}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" icon="send" busy={isBusy} disabled={!to}>{C.choose.sendAct(n)}</Button></>}>
      <p>{C.choose.sendText}</p>
      {list.data && !able.length ? <p class="warned">{C.choose.sendNone}</p> : <Field label={C.choose.sendTo}><Select value={to} options={able.map((one) => [one.id, endpointName(one)] as const)} onValue={setPicked} data-first="" /></Field>}
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

export function MessageActs({ app, chosen, onDone }: ActsProps): JSX.Element {
  const [act, open] = useOpen<"send" | "expunge">();
  const n = chosen.rows.length;
  const close = () => open(null);
  const expunge = async () => {
    await api.post(`${appPath(app)}/msg/bulk-expunge`, { ids: chosen.rows.map((message) => message.id) });
    toast.say(C.choose.expunged(n));
    chosen.clear();
    onDone();
  };
  return (
    <ChosenBar chosen={chosen} words={C.choose.messages(n)} error={null}>
      <Button small kind="primary" icon="send" onClick={() => open("send")}>{C.choose.send}</Button>
      <Button small icon="x" onClick={() => open("expunge")}>{C.choose.expunge}</Button>
      {act === "send" && <SendTo app={app} chosen={chosen} onClose={close} onDone={onDone} />}
      {act === "expunge" && <Confirm title={C.choose.expungeTitle(n)} act={C.choose.expunge} danger onClose={close} onConfirm={expunge}><p>{C.choose.expungeText}</p></Confirm>}
    </ChosenBar>
  );
}
