// SPDX-License-Identifier: Apache-2.0
// One request: why it was refused, step by step, and what to do; or what became of it.
import type { JSX } from "preact";
import { api, Button, bytes, Code, Copy, Facts, Icon, IconButton, Id, isJson, Link, Panel, part, setQuery, Status, Tag, Time, toast, useAct, useLoad } from "../../kit";
import { JsonTree, Text } from "../../kit/json";
import { C } from "../../words/console_sources";
import { Shown } from "../common";
import type { Explanation, Source, SourceRequest } from "../types";
import { OUTCOMES, reasonWords } from "./requests";
import { sourcePath } from "./source_path";

interface Loaded {
  request: SourceRequest;
  explained: Explanation | null;
}

/** Judged as of the time it came, with the secrets of today. */
async function load(source: string, id: string, signal: AbortSignal): Promise<Loaded> {
  const request = await api.get<SourceRequest>(`${sourcePath(source)}/request/${part(id)}`, { with_content: true }, signal);
  if (request.outcome !== "rejected") return { request, explained: null };
  const headers = Object.fromEntries(request.headers ?? []);
  const body = request.bodyBase64 !== null ? { bodyBase64: request.bodyBase64 } : { body: request.body ?? "" };
  const question = { method: request.method ?? "POST", headers, at: request.timestamp, ...body };
  const explained = await api.post<Explanation>(`${sourcePath(source)}/explain`, question, { signal }).catch(() => null);
  return { request, explained };
}

interface Line {
  key: string;
  value: string;
}

/** The explanation's lines; what is signed may itself have lines, so those without a key belong to the one before. */
export function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (const line of text.split("\n")) {
    const found = /^([a-zA-Z][^:{}"]{0,60}): ?(.*)$/.exec(line);
    if (found) lines.push({ key: found[1]!, value: found[2]! });
    else if (lines.length && line) lines[lines.length - 1]!.value += `\n${line}`;
  }
  return lines;
}

const GOOD = /^(ok|match|matches|verified|present|found)/;
const BAD = /^(no match|missing|absent|too |not |no |bad)/;

export function Steps({ explained }: { explained: Explanation }): JSX.Element {
  return (
    <ol class="steps">
      {linesOf(explained.explanation).filter((line) => line.key !== "verdict").map(({ key, value }) => {
        const tone = BAD.test(value) ? "no" : GOOD.test(value) ? "ok" : "";
        const isLong = key.startsWith("signed string");
        return (
          <li class={tone}>
            <span class="pt"><Icon small name={tone === "no" ? "fail" : tone === "ok" ? "ok" : "pass"} /></span>
            <div>
              <b>{isLong ? `${C.request.signed}${key.replace("signed string", "")}` : key}</b>
              {isLong ? <pre class="pre framed wrap sig" tabIndex={0} role="region" aria-label={C.request.signed}><bdi>{value}</bdi></pre> : <span class="l2"><bdi>{value}</bdi></span>}
            </div>
          </li>
        );
      })}
    </ol>
  );
}

function Refused({ request, explained, onSecret, onReplay }: { request: SourceRequest; explained: Explanation | null; onSecret: () => void; onReplay: () => void }): JSX.Element {
  const isCured = explained?.accepted ?? false;
  const saying = C.request.sayings[explained && !isCured ? explained.verdict : request.reason ?? ""];
  return (
    <>
      {isCured ? (
        <div class="note mb"><Icon name="ok" class="good" /><div class="grow"><b>{C.request.verifies}</b><span class="l2">{C.request.verifiesHint}</span></div></div>
      ) : (
        <div class="verdict"><Icon name="alarm" class="bad" /><div class="grow"><b>{saying?.[0] ?? reasonWords(request.reason)}</b><p>{saying?.[1]}</p></div></div>
      )}
      {explained && <Steps explained={explained} />}
      <div class="row wrap mt">
        {!isCured && <Button needs="change" small onClick={onSecret}>{C.source.rotateSecret}</Button>}
        <Button needs="change" small onClick={onReplay}>{C.request.replayAllMenu}</Button>
      </div>
    </>
  );
}

function Became({ request }: { request: SourceRequest }): JSX.Element | null {
  if (!request.messages?.length) return null;
  return <div class="field mb"><span>{C.request.became}</span>{request.messages.map((id) => <Link class="mono" to={`/find/${part(id)}`}>{id}</Link>)}</div>;
}

function Body({ request }: { request: SourceRequest }): JSX.Element {
  const text = request.body ?? request.bodyBase64;
  return (
    <div class="reqbody">
      <div class="stranger"><span class="grow">{C.request.body} <span class="muted">{bytes(request.bodyBytes)}</span></span>{text && <Copy text={text} />}</div>
      {request.bodyBase64 !== null && <p class="hint padded">{C.request.binary}</p>}
      {text ? request.body !== null && isJson(text) ? <JsonTree text={text} label={C.request.body} /> : <Text text={text} label={C.request.body} /> : <p class="hint padded">{C.request.bodyNone}</p>}
      <div class="stranger"><span class="grow">{C.request.headers}</span></div>
      <Text text={(request.headers ?? []).map(([name, value]) => `${name}: ${value}`).join("\n")} label={C.request.headers} />
    </div>
  );
}

export function RequestPanel({ source, id, onSecret, onReplay, onChanged }: { source: Source; id: string; onSecret: () => void; onReplay: () => void; onChanged: () => void }): JSX.Element {
  const loaded = useLoad(`request ${source.id} ${id} ${source.updatedAt}`, (signal) => load(source.id, id, signal));
  const { isBusy, run, error } = useAct();
  const replay = () => void run(async () => {
    const made = await api.post<{ id: string }>(`${sourcePath(source.id)}/request/${part(id)}/replay`);
    toast.say(C.request.replayed(made.id));
    onChanged();
    loaded.reload();
  }).then((isDone) => !isDone && error && toast.fail(error));
  const isRefused = loaded.data?.request.outcome === "rejected";
  return (
    <Panel class="reqpanel clip" title={isRefused ? C.request.whyRefused : C.request.whyOther} actions={<><span class="only-lg"><Id value={id} /></span><IconButton small name="x" label={C.request.close} onClick={() => setQuery({ request: null })} /></>}>
      <Shown loaded={loaded}>
        {({ request, explained }) => (
          <>
            <div class="body">
              {isRefused ? <Refused request={request} explained={explained} onSecret={onSecret} onReplay={onReplay} /> : <><p class="mb"><Status is={OUTCOMES[request.outcome]} /> <span class="soft">{reasonWords(request.reason)}</span></p><Became request={request} /></>}
              <div class="mt"><Facts rows={[
                [C.request.came, <Time at={request.timestamp} />],
                [C.request.answer, <Code status={request.status} none={C.common.noAnswer} />],
                [C.request.type, request.eventType && <Tag>{request.eventType}</Tag>],
                [C.request.peer, <bdi>{request.peer}</bdi>],
                [C.request.path, <bdi class="mono">{request.method} {request.url}</bdi>],
                [C.request.dedupe, request.dedupeId && <Id value={request.dedupeId} />],
                [C.request.original, request.original && <button type="button" class="linkish mono" onClick={() => setQuery({ request: request.original })}>{request.original}</button>],
              ]} /></div>
            </div>
            <Body request={request} />
            <footer><span class="grow" /><Button needs="change" small busy={isBusy} onClick={replay}>{C.request.replay}</Button></footer>
          </>
        )}
      </Shown>
    </Panel>
  );
}
