// SPDX-License-Identifier: Apache-2.0
// What can be changed about an endpoint: what it is sent and where, headers, and a program that changes the content.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { JsonTree } from "../kit/json";
import { Button, Check, type Endpoint, endpoints, ErrorPanel, eventTypes, exampleOf, Facts, Field, Icon, IconButton, Input, isHidden, may, Panel, SkelLines, TextArea, toast, transforms, typesInWords, useAct, useLoad } from "./common";
import { bodyOf, draftOf, EndpointFields, mistakesFrom, mistakesOf } from "./fields";
import { M } from "./words-more";

export function Settings({ endpoint, onChange }: { endpoint: Endpoint; onChange: () => void }): JSX.Element {
  return (
    <div class="sgrid">
      {may("ManageEndpoint") ? <Main endpoint={endpoint} onChange={onChange} /> : <Looks endpoint={endpoint} />}
      <div class="stack">
        {!isHidden("headers") && <HeadersPanel endpoint={endpoint} />}
        {!isHidden("transforms") && <TransformPanel endpoint={endpoint} />}
      </div>
    </div>
  );
}

/** The same for those who may only look. */
function Looks({ endpoint }: { endpoint: Endpoint }): JSX.Element {
  return (
    <Panel title={M.settings.title}>
      <div class="body">
        <Facts rows={[
          [M.form.url, <bdi>{endpoint.url}</bdi>],
          [M.form.description, <bdi>{endpoint.description}</bdi>],
          [M.form.types, endpoint.eventTypes?.length ? endpoint.eventTypes.join(", ") : typesInWords(null)],
          !isHidden("channels") && [M.settings.channels, endpoint.channels?.join(", ")],
          !isHidden("throttle") && [M.settings.rate, endpoint.throttleRate ? M.recover.rateOf(endpoint.throttleRate) : ""],
        ]} />
      </div>
    </Panel>
  );
}

function Main({ endpoint, onChange }: { endpoint: Endpoint; onChange: () => void }): JSX.Element {
  const types = useLoad("types", eventTypes);
  const [draft, setDraft] = useState(draftOf(endpoint));
  const [before, setBefore] = useState(endpoint);
  const { isBusy, error, run, clear } = useAct();
  const body = bodyOf(draft, before), isChanged = Object.keys(body).length > 0;
  const own = mistakesOf(draft), theirs = mistakesFrom(error), mistakes = { ...theirs, ...own };
  const save = async (): Promise<void> => {
    if (!isChanged || Object.keys(own).length) return;
    await run(async () => {
      const now = await endpoints.patch(endpoint.id, body);
      setBefore(now);
      setDraft(draftOf(now));
      toast.say(M.form.saved);
      onChange();
    });
  };
  return (
    <Panel title={M.settings.title} class="settings">
      <form noValidate onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <div class="body stack">
          <EndpointFields draft={draft} onChange={(next) => { clear(); setDraft(next); }} types={types.data ?? []} mistakes={isChanged ? mistakes : {}} isWhole />
          {endpoint.filter != null && <p class="note"><Icon name="funnel" /><span>{M.settings.filterSet}</span></p>}
          {error != null && !Object.keys(theirs).length && <ErrorPanel error={error} />}
        </div>
        <footer class="cfoot">
          <span class="grow hint" role="status">{isChanged && M.form.unsaved}</span>
          {isChanged && <Button kind="quiet" onClick={() => { clear(); setDraft(draftOf(before)); }}>{M.form.discard}</Button>}
          <Button kind="primary" type="submit" busy={isBusy} disabled={!isChanged}>{M.form.save}</Button>
        </footer>
      </form>
    </Panel>
  );
}

function HeadersPanel({ endpoint }: { endpoint: Endpoint }): JSX.Element {
  const list = useLoad(`headers:${endpoint.id}`, (signal) => endpoints.headers(endpoint.id, signal));
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const { isBusy, error, run } = useAct();
  const canChange = may("ManageEndpoint");
  const change = (headers: Record<string, string | null>) => run(async () => {
    await endpoints.patchHeaders(endpoint.id, headers);
    list.reload();
  });
  const add = async (): Promise<void> => {
    if (name.trim() && (await change({ [name.trim()]: value }))) {
      setName("");
      setValue("");
    }
  };
  const shown = Object.entries(list.data?.headers ?? {}), hidden = list.data?.sensitive ?? [];
  const rows = [...shown, ...hidden.map((one) => [one, null] as const)].sort((a, b) => a[0].localeCompare(b[0]));
  return (
    <Panel title={M.settings.headers}>
      <div class="body stack-2">
        <p class="soft">{M.settings.headersMore}</p>
        {list.error ? <ErrorPanel error={list.error} onRetry={list.reload} /> : null}
        {!list.data && list.isSlow && <SkelLines n={2} />}
        {list.data && !rows.length && <p class="muted">{M.settings.headersNone}</p>}
        {rows.length > 0 && (
          <ul class="hlist">
            {rows.map(([one, text]) => (
              <li class="row" key={one}>
                <code class="wrapany"><bdi>{one}</bdi>: {text === null ? <span class="muted">{M.settings.headerHidden}</span> : <bdi>{text}</bdi>}</code>
                {canChange && <span class="end"><IconButton small name="x" label={M.settings.headerRemove(one)} disabled={isBusy} onClick={() => change({ [one]: null })} /></span>}
              </li>
            ))}
          </ul>
        )}
        {canChange && (
          <form class="hadd" noValidate onSubmit={(event) => { event.preventDefault(); void add(); }}>
            <Field label={M.settings.headerName}><Input mono value={name} onValue={setName} spellcheck={false} /></Field>
            <Field label={M.settings.headerValue}><Input mono value={value} onValue={setValue} spellcheck={false} /></Field>
            <Button type="submit" busy={isBusy} disabled={!name.trim()}>{M.settings.headerAdd}</Button>
          </form>
        )}
        {error != null && <ErrorPanel error={error} />}
      </div>
    </Panel>
  );
}

/** A program is shown to those who may look and changed by those who may. */
function TransformPanel({ endpoint }: { endpoint: Endpoint }): JSX.Element | null {
  const now = useLoad(`transform:${endpoint.id}`, (signal) => endpoints.transformation(endpoint.id, signal));
  const canChange = may("ManageTransformations");
  if (!now.data && !now.error && !now.isSlow) return null;
  if (!canChange && !now.data?.code) return null;
  return (
    <Panel title={M.settings.transform}>
      <div class="body stack-3">
        <p class="soft">{M.settings.transformMore}</p>
        {now.error ? <ErrorPanel error={now.error} onRetry={now.reload} /> : null}
        {!now.data && !now.error && <SkelLines n={2} />}
        {now.data && (canChange ? <Program key={now.data.code ?? ""} endpoint={endpoint} code={now.data.code ?? ""} isOn={now.data.enabled} onSaved={now.reload} /> : <pre class="pre wrap framed">{now.data.code}</pre>)}
      </div>
    </Panel>
  );
}

const SAMPLE = { id: "in_42", amount: 1999 };

function Program({ endpoint, code, isOn, onSaved }: { endpoint: Endpoint; code: string; isOn: boolean; onSaved: () => void }): JSX.Element {
  const types = useLoad("types", eventTypes);
  const [text, setText] = useState(code);
  const [isUsed, setUsed] = useState(isOn || !code);
  const saving = useAct();
  const isChanged = text !== code || (!!code && isUsed !== isOn);
  const wanted = types.data?.find((type) => exampleOf(type) !== undefined && (!endpoint.eventTypes?.length || endpoint.eventTypes.includes(type.name)));
  const save = () => saving.run(async () => {
    const program = text.trim() ? text : null;
    await endpoints.patchTransformation(endpoint.id, { code: program, enabled: program !== null && isUsed });
    toast.say(M.form.saved);
    onSaved();
  });
  return (
    <>
      <Field label={M.settings.transformCode} error={mistakesFrom(saving.error)["code"]}>
        <TextArea mono rows={5} value={text} onValue={setText} placeholder={M.settings.transformExample} bad={!!mistakesFrom(saving.error)["code"]} />
      </Field>
      <div class="row wrap">
        <Check sw checked={isUsed} onValue={setUsed}>{M.settings.transformOn}</Check>
        <span class="grow" />
        <Button kind="primary" busy={saving.isBusy} disabled={!isChanged} onClick={save}>{M.form.save}</Button>
      </div>
      {saving.error != null && !mistakesFrom(saving.error)["code"] && <ErrorPanel error={saving.error} />}
      {text.trim() && <Trial key={wanted?.name ?? ""} code={text} type={wanted?.name ?? "example.event"} sample={wanted ? exampleOf(wanted) : SAMPLE} />}
    </>
  );
}

type Made = { kind: "canceled" } | { kind: "unchanged" } | { kind: "body"; text: string };

/** Runs the program once, on content that can be edited. */
function Trial({ code, type, sample }: { code: string; type: string; sample: unknown }): JSX.Element {
  const [input, setInput] = useState(JSON.stringify(sample, null, 2));
  const [made, setMade] = useState<Made | null>(null);
  const { isBusy, error, run } = useAct();
  const tryIt = () => run(async () => {
    setMade(null);
    let body: unknown;
    try {
      body = JSON.parse(input);
    } catch {
      throw new Error(M.settings.transformBadInput);
    }
    const answer = await transforms.test(code, { body, eventType: type });
    const text = answer.raw("body");
    setMade(answer.value.canceled ? { kind: "canceled" } : text === null || text === "null" ? { kind: "unchanged" } : { kind: "body", text });
  });
  return (
    <>
      <Field label={M.settings.transformInput}><TextArea mono rows={5} value={input} onValue={setInput} /></Field>
      <div><Button busy={isBusy} icon="play" onClick={tryIt}>{M.settings.transformTry}</Button></div>
      <div role="status">
        {made && <p class="label">{M.settings.transformResult}</p>}
        {made?.kind === "canceled" && <p>{M.settings.transformCanceled}</p>}
        {made?.kind === "unchanged" && <p>{M.settings.transformUnchanged}</p>}
        {made?.kind === "body" && <div class="framed-json clip"><JsonTree text={made.text} label={M.settings.transformResult} /></div>}
      </div>
      {error != null && <ErrorPanel error={error} />}
    </>
  );
}
