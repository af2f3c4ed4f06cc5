// SPDX-License-Identifier: Apache-2.0
// A signature, checked by hand. Secrets that are typed stay in the field: they go to the server for the check and
// stand in no address, no storage and no print.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { api } from "../kit/api";
import { bytes as inBytes } from "../kit/format";
import { Text } from "../kit/json";
import { useAct } from "../kit/load";
import { Status } from "../kit/status";
import { Button, Copy, ErrorPanel, Facts, Field, Input, Seg, TextArea, Time } from "../kit/ui";
import { Y } from "../words/play";
import { headersOf } from "./json";
import { Bench } from "./parts";

const S = Y.signature;

/** A way to say how it is signed: a preset's name, or an endpoint that signs so. */
export interface Way {
  key: string;
  label: string;
  group: "endpoints" | "presets";
  /** What the API is told. */
  body: Record<string, string>;
  /** The secret need not be given. */
  hasOwn?: boolean;
}

export interface SignatureSample {
  way: string;
  headers: string;
  body: string;
  at: string;
}

interface VerifyOut {
  verdict: string;
  verified: boolean;
  words: string;
  remedy: string | null;
  cause: string | null;
  presetTitle: string;
  matched: { index: number; count: number; whose: string; expiresAt: string | null } | null;
  signed: { text: string | null; base64: string; bytes: number } | null;
  signedAt: string | null;
  id: string | null;
  idSigned: boolean;
  type: string | null;
  typeSigned: boolean;
  reply: string | null;
  explanation: string;
}

const OWN = "own";

/** A key in PEM has lines of its own; other secrets have one each. Blanks stay: they may be what is wrong. */
function secretsOf(text: string): string[] {
  if (text.includes("-----BEGIN")) return text.split(/(?=-----BEGIN)/).filter((one) => one.includes("-----BEGIN"));
  return text.split("\n").filter((one) => one.trim() !== "");
}

function hexOf(base64: string): string {
  const all = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0)), lines: string[] = [];
  for (let at = 0; at < all.length; at += 16) {
    const part = [...all.slice(at, at + 16)];
    const hex = part.map((one) => one.toString(16).padStart(2, "0")).join(" ").padEnd(47);
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex}  ${part.map((one) => (one >= 32 && one < 127 ? String.fromCharCode(one) : ".")).join("")}`);
  }
  return lines.join("\n");
}

function Signed({ signed }: { signed: NonNullable<VerifyOut["signed"]> }): JSX.Element {
  const [view, setView] = useState<"text" | "hex">(signed.text === null ? "hex" : "text");
  const text = useMemo(() => (view === "text" && signed.text !== null ? signed.text : hexOf(signed.base64)), [view, signed]);
  return (
    <section aria-label={S.signed(signed.bytes)}>
      <div class="row"><p class="label grow">{S.signed(signed.bytes)}</p>{signed.text !== null && <Seg small label={S.view} value={view} onChange={setView} options={[["text", S.asText], ["hex", S.asHex]]} />}<Copy text={text} /></div>
      <div class="framed-json"><Text text={text} label={S.signed(signed.bytes)} wrap={view === "text"} /></div>
    </section>
  );
}

function Verdict({ out }: { out: VerifyOut }): JSX.Element {
  const isOpen = out.verdict === "unsigned" || out.verdict === "handshake";
  const label = out.verified ? S.right : isOpen ? S.unproven : S.wrong;
  return (
    <>
      <p><Status is={out.verified ? "passed" : isOpen ? "ignored" : "refused"}>{label}</Status></p>
      <p>{out.words}</p>
      {out.remedy && <div class="note"><div class="grow"><b>{S.remedy}</b><p>{out.remedy}</p></div></div>}
      <Facts rows={[
        [S.verdict, <code>{out.verdict}</code>],
        [S.scheme, out.presetTitle],
        [S.secret, out.matched && <>{S.which(out.matched.index, out.matched.count, S.whose[out.matched.whose] ?? out.matched.whose)}{out.matched.expiresAt && <span class="l2">{S.until(out.matched.expiresAt)}</span>}</>],
        [S.signedAt, out.signedAt && <Time at={out.signedAt} />],
        [S.id, out.id && <><bdi class="mono">{out.id}</bdi>{!out.idSigned && <span class="l2">{S.notSigned}</span>}</>],
        [S.eventType, out.type && <><bdi>{out.type}</bdi>{!out.typeSigned && <span class="l2">{S.notSigned}</span>}</>],
        [S.reply, out.reply && <bdi class="mono">{out.reply}</bdi>],
      ]} />
      {out.signed && <Signed signed={out.signed} />}
      <details class="fold-more"><summary>{S.steps}</summary><pre class="pre wrap framed"><bdi>{out.explanation.trim()}</bdi></pre></details>
    </>
  );
}

interface File64 {
  name: string;
  size: number;
  base64: string;
}

function readFile(file: File): Promise<File64> {
  return file.arrayBuffer().then((buffer) => {
    let text = "";
    for (const one of new Uint8Array(buffer)) text += String.fromCharCode(one);
    return { name: file.name, size: file.size, base64: btoa(text) };
  });
}

function BodyField({ body, file, onBody, onFile }: { body: string; file: File64 | null; onBody: (body: string) => void; onFile: (file: File64 | null) => void }): JSX.Element {
  return (
    <>
      {file
        ? <div class="field"><span>{Y.body}</span><span class="row wrap"><bdi class="grow">{S.fileIs(file.name, inBytes(file.size))}</bdi><Button small onClick={() => onFile(null)}>{S.fileDrop}</Button></span></div>
        : <Field label={Y.body} hint={S.bodyHint}><TextArea mono rows={8} value={body} onValue={onBody} /></Field>}
      {!file && <Field label={S.file} hint={S.fileHint}><input type="file" class="input" onChange={(event) => { const chosen = event.currentTarget.files?.[0]; if (chosen) void readFile(chosen).then(onFile); }} /></Field>}
    </>
  );
}

interface Props {
  ways: readonly Way[];
  start: SignatureSample;
  canOwn?: boolean;
}

export function SignatureBench({ ways, start, canOwn = true }: Props): JSX.Element {
  const [way, setWay] = useState(ways.some((one) => one.key === start.way) ? start.way : ways[0]?.key ?? OWN);
  const [headers, setHeaders] = useState(start.headers);
  const [body, setBody] = useState(start.body);
  const [file, setFile] = useState<File64 | null>(null);
  const [secrets, setSecrets] = useState("");
  const [isShown, setShown] = useState(false);
  const [scheme, setScheme] = useState("");
  const [at, setAt] = useState(start.at);
  const [url, setUrl] = useState("");
  const [method, setMethod] = useState("");
  const [companion, setCompanion] = useState("");
  const [out, setOut] = useState<VerifyOut | null>(null);
  const { isBusy, error, run } = useAct();
  const chosen = ways.find((one) => one.key === way);
  const go = () => void run(async () => {
    setOut(null);
    const given = secretsOf(secrets);
    setOut(await api.post<VerifyOut>("/api/v1/verify/test", {
      ...(chosen ? chosen.body : { scheme }),
      ...(given.length ? { secrets: given } : {}),
      ...(file ? { bodyBase64: file.base64 } : { body }),
      headers: headersOf(headers),
      ...(at.trim() ? { at: at.trim() } : {}),
      ...(url.trim() ? { url: url.trim() } : {}),
      ...(method.trim() ? { method: method.trim().toUpperCase() } : {}),
      ...(companion ? { companion } : {}),
    }));
  });
  const options = (group: Way["group"], label: string) => {
    const found = ways.filter((one) => one.group === group);
    return found.length > 0 && <optgroup label={label}>{found.map((one) => <option value={one.key} selected={one.key === way}>{one.label}</option>)}</optgroup>;
  };
  return (
    <Bench onSubmit={go}
      actions={<Button kind="primary" type="submit" icon="check" busy={isBusy}>{S.check}</Button>}
      input={<>
        <Field label={S.scheme}><select class="input" value={way} onChange={(event) => setWay(event.currentTarget.value)}>{options("endpoints", S.endpoints)}{options("presets", S.presets)}{canOwn && <option value={OWN} selected={way === OWN}>{S.own}</option>}</select></Field>
        {!chosen && <Field label={S.ownText} hint={S.ownHint}><TextArea mono rows={5} value={scheme} onValue={setScheme} /></Field>}
        <div class="field secretfield">
          <label for="play-secret">{S.secrets}</label>
          <TextArea id="play-secret" mono rows={2} class={isShown ? "" : "masked"} value={secrets} onValue={setSecrets} aria-describedby="play-secret-hint" />
          <span class="row"><small id="play-secret-hint" class="grow">{chosen?.hasOwn ? S.secretsOwn : S.secretsHint}</small><Button small kind="quiet" icon={isShown ? "off" : "eye"} aria-pressed={isShown} onClick={() => setShown(!isShown)}>{isShown ? S.hide : S.show}</Button></span>
        </div>
        <Field label={Y.headers} hint={Y.headersHint}><TextArea mono rows={5} value={headers} onValue={setHeaders} /></Field>
        <BodyField body={body} file={file} onBody={setBody} onFile={setFile} />
        <details class="fold-more" open={!!start.at}><summary>{S.more}</summary>
          <div class="stack-3">
            <Field label={S.at} hint={S.atHint}><Input mono value={at} onValue={setAt} /></Field>
            <Field label={S.url} hint={S.urlHint}><Input type="url" mono value={url} onValue={setUrl} /></Field>
            <Field label={S.method}><Input mono value={method} onValue={setMethod} placeholder="POST" /></Field>
            <Field label={S.companion} hint={S.companionHint}><Input mono value={companion} onValue={setCompanion} /></Field>
          </div>
        </details>
      </>}
      result={<>
        {!out && error == null && <p class="muted">{S.before}</p>}
        {out && <Verdict out={out} />}
        {error != null && <ErrorPanel error={error} />}
      </>} />
  );
}
