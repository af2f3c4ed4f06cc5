// SPDX-License-Identifier: Apache-2.0
// Sends a message by hand. The payload goes out as it was typed: numbers keep their digits.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, call, Dialog, ErrorPanel, Field, Input, isJson, navigate, part, TextArea, toast, useAct, useLoad, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_delivery";
import { curlOf, CurlDialog, listOf } from "../common";
import type { Application, EventType, Json, Message } from "../types";

/** The example in a type's newest schema, if it has one. */
function exampleOf(type: EventType | undefined): Json | undefined {
  const versions = Object.keys(type?.schemas ?? {}).sort((a, b) => Number(b) - Number(a));
  const schema = versions.length ? (type!.schemas![versions[0]!] as { examples?: Json[]; example?: Json }) : undefined;
  return schema?.examples?.[0] ?? schema?.example;
}

interface Draft {
  eventType: string;
  eventId: string;
  payload: string;
  tags: string;
  channels: string;
}

/** The body as text, so that the payload stays as it was typed. */
function bodyOf(draft: Draft): string {
  const rest: Record<string, Json> = { eventType: draft.eventType.trim() };
  if (draft.eventId.trim()) rest["eventId"] = draft.eventId.trim();
  const tags = listOf(draft.tags), channels = listOf(draft.channels);
  if (tags) rest["tags"] = tags;
  if (channels) rest["channels"] = channels;
  return `${JSON.stringify(rest).slice(0, -1)},"payload":${draft.payload.trim()}}`;
}

function payloadProblem(text: string): string | null {
  if (!isJson(text)) return C.send.notJson;
  return text.trim().startsWith("{") ? null : C.send.notObject;
}

export function SendMessage({ app, onClose }: { app: Application; onClose: () => void }): JSX.Element {
  const types = useLoad("types", (signal) => api.get<List<EventType>>("/api/v1/event-type", { limit: 250, with_content: true }, signal));
  const [draft, setDraft] = useState<Draft>({ eventType: "", eventId: "", payload: "{\n  \n}", tags: "", channels: "" });
  const [isCurl, setCurl] = useState(false);
  const { isBusy, error, run } = useAct();
  const put = (change: Partial<Draft>) => setDraft((was) => ({ ...was, ...change }));
  const problem = payloadProblem(draft.payload);
  const example = exampleOf(types.data?.data.find((one) => one.name === draft.eventType));
  const path = `/api/v1/app/${part(app.id)}/msg`;
  const send = async () => {
    let id = "";
    const isDone = await run(async () => {
      id = ((await (await call("POST", path, { text: bodyOf(draft) })).json()) as Message).id;
    });
    if (!isDone) return;
    onClose();
    toast.say(C.send.done(id));
    navigate(`/apps/${part(app.id)}/messages/${part(id)}`);
  };
  if (isCurl) return <CurlDialog curl={curlOf("POST", path, { body: bodyOf(draft) })} onClose={() => setCurl(false)} />;
  return (
    <Dialog wide title={C.send.title} onClose={onClose} onSubmit={send}
      footer={<><span class="grow" /><Button kind="quiet" icon="term" disabled={!draft.eventType || !!problem} onClick={() => setCurl(true)}>{C.common.curl}</Button><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!draft.eventType.trim() || !!problem}>{C.send.act}</Button></>}>
      <Field label={C.send.type} hint={C.send.typeHint}><Input mono value={draft.eventType} onValue={(eventType) => put({ eventType })} list="send-types" data-first="" /></Field>
      <datalist id="send-types">{types.data?.data.map((one) => <option value={one.name} />)}</datalist>
      <Field label={C.send.payload} error={problem}><TextArea mono rows={9} value={draft.payload} bad={!!problem} onValue={(payload) => put({ payload })} /></Field>
      {example !== undefined && <button type="button" class="linkish" onClick={() => put({ payload: JSON.stringify(example, null, 2) })}>{C.send.example}</button>}
      <div class="two">
        <Field label={C.send.eventId} hint={C.send.eventIdHint}><Input mono value={draft.eventId} onValue={(eventId) => put({ eventId })} /></Field>
        <Field label={C.send.tags} hint={C.send.listHint}><Input value={draft.tags} onValue={(tags) => put({ tags })} /></Field>
      </div>
      <Field label={C.send.channels} hint={C.send.listHint}><Input value={draft.channels} onValue={(channels) => put({ channels })} /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
