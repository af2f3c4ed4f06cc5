// SPDX-License-Identifier: Apache-2.0
// An endpoint's settings, to create it or to change them. Only what was changed is sent, so that somebody else's
// change of another setting is not undone.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, ApiError, Button, Check, Dialog, ErrorPanel, Field, Icon, Input, isJson, part, Select, TextArea, toast, useAct } from "../../kit";
import { pretty } from "../../kit/json";
import { objectOf } from "../../play/json";
import { RulesTrial } from "../../play/trial";
import { W } from "../../words/en";
import { C } from "../../words/console_delivery";
import { appPath, endpointName, endpointPath, listOf, metadataOf, metadataText, numberOf, readEndpoint } from "../common";
import type { Endpoint, Json } from "../types";

interface Draft {
  url: string;
  description: string;
  uid: string;
  types: string;
  channels: string;
  filter: string;
  transform: string;
  rate: string;
  timeout: string;
  retries: string;
  ordered: boolean;
  encoding: string;
  metadata: string;
}

function draftOf(endpoint: Endpoint | undefined): Draft {
  return {
    url: endpoint?.url ?? "",
    description: endpoint?.description ?? "",
    uid: endpoint?.uid ?? "",
    types: endpoint?.eventTypes?.join(", ") ?? "",
    channels: endpoint?.channels?.join(", ") ?? "",
    filter: endpoint?.filter ? pretty(endpoint.filterText ?? JSON.stringify(endpoint.filter)) : "",
    transform: endpoint?.transform ?? "",
    rate: endpoint?.throttleRate ? String(endpoint.throttleRate) : "",
    timeout: endpoint?.timeoutMs ? String(endpoint.timeoutMs) : "",
    retries: endpoint?.retrySchedule ? endpoint.retrySchedule.length ? endpoint.retrySchedule.join(", ") : "0" : "",
    ordered: endpoint?.ordered ?? false,
    encoding: endpoint?.encoding ?? "json",
    metadata: metadataText(endpoint?.metadata),
  };
}

/** JSON that goes out as it was typed, so that its numbers keep their digits. */
class Verbatim {
  constructor(readonly text: string) {}
}

function scheduleOf(text: string): number[] | null {
  const parts = listOf(text);
  if (!parts) return null;
  if (parts.length === 1 && Number(parts[0]) === 0) return [];
  return parts.map(Number);
}

/** How each field goes to the API. */
const MEMBERS: { [key in keyof Draft]: readonly [string, (draft: Draft) => Json | Verbatim] } = {
  url: ["url", (d) => d.url.trim()],
  description: ["description", (d) => d.description.trim()],
  uid: ["uid", (d) => d.uid.trim() || null],
  types: ["eventTypes", (d) => listOf(d.types)],
  channels: ["channels", (d) => listOf(d.channels)],
  filter: ["filter", (d) => (d.filter.trim() ? new Verbatim(d.filter.trim()) : null)],
  transform: ["transform", (d) => d.transform.trim() || null],
  rate: ["throttleRate", (d) => numberOf(d.rate)],
  timeout: ["timeoutMs", (d) => numberOf(d.timeout)],
  retries: ["retrySchedule", (d) => scheduleOf(d.retries)],
  ordered: ["ordered", (d) => d.ordered],
  encoding: ["encoding", (d) => d.encoding],
  metadata: ["metadata", (d) => metadataOf(d.metadata)],
};

/** What was changed, as JSON texts by the API's names. */
function changesOf(draft: Draft, before: Draft, keys = Object.keys(MEMBERS) as (keyof Draft)[]): Record<string, string> {
  const changes: Record<string, string> = {};
  for (const key of keys) {
    const value = draft[key] === before[key] ? undefined : MEMBERS[key][1](draft);
    if (value !== undefined) changes[MEMBERS[key][0]] = value instanceof Verbatim ? value.text : JSON.stringify(value);
  }
  return changes;
}

/** What decides on which messages come, and what they hold. */
const RULES: (keyof Draft)[] = ["types", "channels", "filter", "transform"];

interface Props {
  app: string;
  endpoint?: Endpoint;
  /** Preset for one that is created, such as the encoding of an integration. */
  start?: Partial<Draft>;
  /** Why it begins with that; what then differs is tried at once. */
  note?: string;
  onClose: () => void;
  /** `missing`: how many messages a trial of the change found that never came here. */
  onDone: (endpoint: Endpoint, missing: number) => void;
}

/** The server's words beside the field they are about. */
function fieldError(error: unknown, member: string): string | null {
  if (!(error instanceof ApiError)) return null;
  return error.fields.find((one) => one.field === member || one.field.startsWith(`${member}.`))?.message ?? null;
}

/** What somebody else changed meanwhile of that which is changed here: theirs and ours, to choose from. */
function Versions({ theirs, before, draft, onTake }: { theirs: Endpoint; before: Draft; draft: Draft; onTake: (key: keyof Draft) => void }): JSX.Element {
  const now = draftOf(theirs);
  return (
    <div class="note warn" role="alert">
      <div class="grow">
        <b>{C.endpoint.changedMeanwhile}</b>
        <span class="l2">{C.endpoint.changedMeanwhileText}</span>
        <table class="tbl versions">
          <thead><tr><th scope="col">{C.endpoint.setting}</th><th scope="col">{C.endpoint.theirs}</th><th scope="col">{C.endpoint.yours}</th><th><span class="sr">{C.common.more}</span></th></tr></thead>
          <tbody>
            {conflictsOf(now, before, draft).map((key) => (
              <tr>
                <td>{C.endpoint.settings[key]}</td><td><bdi class="mono wrapcode">{String(now[key]) || C.common.none}</bdi></td><td><bdi class="mono wrapcode">{String(draft[key]) || C.common.none}</bdi></td>
                <td><Button small onClick={() => onTake(key)}>{C.endpoint.takeTheirs}</Button></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** Changed here and, to something else, by somebody else. */
function conflictsOf(now: Draft, before: Draft, draft: Draft): (keyof Draft)[] {
  return (Object.keys(MEMBERS) as (keyof Draft)[]).filter((key) => draft[key] !== before[key] && now[key] !== before[key] && now[key] !== draft[key]);
}

export function EndpointDialog({ app, endpoint, start, note, onClose, onDone }: Props): JSX.Element {
  const [before, setBefore] = useState<Draft>(() => draftOf(endpoint));
  const [draft, setDraft] = useState<Draft>({ ...before, ...start });
  const [theirs, setTheirs] = useState<Endpoint | null>(null);
  const [missing, setMissing] = useState(0);
  const { isBusy, error, run } = useAct();
  const put = (change: Partial<Draft>) => setDraft((was) => ({ ...was, ...change }));
  const filterProblem = draft.filter.trim() && !isJson(draft.filter) ? C.send.notJson : fieldError(error, "filter");
  const save = async () => {
    let made: Endpoint | undefined;
    const isDone = await run(async () => {
      const now = endpoint && (await readEndpoint(app, endpoint.id));
      if (now && !theirs && conflictsOf(draftOf(now), before, draft).length) return setTheirs(now);
      const text = objectOf({ ...changesOf(draft, endpoint ? before : draftOf(undefined)), ...(endpoint ? {} : { url: JSON.stringify(draft.url.trim()) }) });
      made = endpoint ? await api.patchText<Endpoint>(endpointPath(app, endpoint.id), text) : await api.post<Endpoint>(`${appPath(app)}/endpoint`, undefined, { text });
    });
    if (!isDone || !made) return;
    toast.say(endpoint ? C.common.saved : C.endpoint.created(endpointName(made)));
    onClose();
    onDone(made, Object.keys(rules).length ? missing : 0);
  };
  const rules = filterProblem && !error ? {} : changesOf(draft, before, RULES);
  const shows = (member: string) => fieldError(error, member) !== null;
  return (
    <Dialog wide title={endpoint ? C.endpoint.edit : C.endpoint.new} onClose={onClose} onSubmit={save}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!draft.url.trim() || !!filterProblem && !error}>{theirs ? C.endpoint.saveMine : endpoint ? C.common.save : C.common.create}</Button></>}>
      {note && <p class="note"><Icon name="retry" /><span>{note}</span></p>}
      <Field label={C.endpoint.url} hint={C.endpoint.urlHint} error={fieldError(error, "url")}><Input type="url" mono value={draft.url} bad={shows("url")} onValue={(url) => put({ url })} placeholder="https://" data-first="" /></Field>
      <Field label={C.endpoint.description}><Input value={draft.description} onValue={(description) => put({ description })} /></Field>
      <Field label={C.endpoint.types} hint={C.endpoint.typesHint} error={fieldError(error, "eventTypes")}><Input mono value={draft.types} onValue={(types) => put({ types })} /></Field>
      <details class="fold-more" open={!!endpoint}>
        <summary>{C.endpoint.advanced}</summary>
        <div class="fields">
          <div class="two">
            <Field label={C.endpoint.rate} hint={C.endpoint.rateHint} error={fieldError(error, "throttleRate")}><Input type="number" min={1} value={draft.rate} onValue={(rate) => put({ rate })} /></Field>
            <Field label={C.endpoint.timeout} hint={C.endpoint.timeoutHint} error={fieldError(error, "timeoutMs")}><Input type="number" min={1} value={draft.timeout} onValue={(timeout) => put({ timeout })} /></Field>
          </div>
          <div class="two">
            <Field label={C.endpoint.retries} hint={C.endpoint.retriesHint} error={fieldError(error, "retrySchedule")}><Input mono value={draft.retries} onValue={(retries) => put({ retries })} /></Field>
            <Field label={C.endpoint.encoding}><Select value={draft.encoding} options={C.endpoint.encodings} onValue={(encoding) => put({ encoding })} /></Field>
          </div>
          <Check sw checked={draft.ordered} onValue={(ordered) => put({ ordered })}>{C.endpoint.ordered}</Check>
          <Field label={C.endpoint.channels} hint={C.endpoint.channelsHint} error={fieldError(error, "channels")}><Input mono value={draft.channels} onValue={(channels) => put({ channels })} /></Field>
          <Field label={C.endpoint.filter} hint={C.endpoint.filterHint} error={filterProblem}><TextArea mono rows={5} value={draft.filter} bad={!!filterProblem} onValue={(filter) => put({ filter })} /></Field>
          <Field label={C.endpoint.transform} hint={C.endpoint.transformHint} error={fieldError(error, "transform")}><TextArea mono rows={5} value={draft.transform} bad={shows("transform")} onValue={(transform) => put({ transform })} /></Field>
          {endpoint && Object.keys(rules).length > 0 && <RulesTrial path={endpointPath(app, endpoint.id)} members={rules} messageTo={(id) => `/apps/${part(app)}/messages/${part(id)}`} onTried={(trial) => setMissing(trial.missing)} atOnce={!!note} />}
          <Field label={C.common.uid} hint={C.common.uidHint} error={fieldError(error, "uid")}><Input mono value={draft.uid} onValue={(uid) => put({ uid })} /></Field>
          <Field label={C.common.metadata} hint={C.common.metadataHint}><TextArea mono rows={3} value={draft.metadata} onValue={(metadata) => put({ metadata })} /></Field>
        </div>
      </details>
      {theirs && <Versions theirs={theirs} before={before} draft={draft} onTake={(key) => { const now = draftOf(theirs); setBefore((was) => ({ ...was, [key]: now[key] })); put({ [key]: now[key] }); }} />}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
