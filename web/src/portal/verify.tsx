// SPDX-License-Identifier: Apache-2.0
// The secret of an endpoint, code that verifies with it, and a test event that shows whether all of it works: the
// second half of adding an endpoint, and a tab of its page.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Confirm } from "../kit/dialog";
import { Text } from "../kit/json";
import { adviceFor, type Attempt, attempts, Button, Check, clockExact, Code, Copy, copyText, duration, type Endpoint, endpoints, ErrorPanel, eventTypes, exampleOf, Icon, latestSchema, Link, may, P, Panel, phase, Select, statusInWords, toast, useAct, useLoad, whyNoAnswer } from "./common";
import { Highlighted } from "./code";
import { LANGUAGES, snippetFor, type Language } from "./snippets";
import { M } from "./words-more";

const SHOWN_S = 30, DAY_S = 86_400;

/** The secret: hidden, shown on asking for 30 s, copied without being shown. */
export function SecretPanel({ endpoint, step, showsAtOnce }: { endpoint: Endpoint; step?: number; showsAtOnce?: boolean }): JSX.Element {
  const [shown, setShown] = useState<string | null>(null);
  const [left, setLeft] = useState(0);
  const [isRotating, setRotating] = useState(false);
  const [isCopied, setCopied] = useState(false);
  const show = (): Promise<void> => endpoints.secret(endpoint.id).then((key) => { setShown(key); setLeft(SHOWN_S); }, toast.fail);
  useEffect(() => {
    if (showsAtOnce && may("ViewEndpointSecret")) void show();
  }, []);
  const isOver = phase.value !== "open";
  useEffect(() => {
    if (isOver) setShown(null);
  }, [isOver]);
  useEffect(() => {
    if (shown === null) return;
    const timer = setTimeout(() => (left > 1 ? setLeft(left - 1) : setShown(null)), 1000);
    return () => clearTimeout(timer);
  }, [shown, left]);
  const copy = async (): Promise<void> => {
    try {
      setCopied(await copyText(shown ?? (await endpoints.secret(endpoint.id))));
    } catch (error) {
      toast.fail(error);
    }
  };
  const title = <Numbered step={step}>{step ? M.secret.title : M.secret.titleAlone}</Numbered>;
  if (!may("ViewEndpointSecret")) return <Panel title={title}><p class="body soft">{M.secret.hidden}</p></Panel>;
  return (
    <Panel title={title} actions={shown !== null && <span class="muted row gap-1 s-text" aria-live="off"><Icon name="clock" small />{M.secret.hides(left)}</span>}>
      <div class="body stack-2">
        <div class="secret big">
          <code class={shown === null ? "" : "is-shown"} aria-label={M.secret.label}>{shown ?? "whsec_••••••••••••••••••••••••"}</code>
          <span class="row gap-1">
            {shown === null && <Button small icon="eye" onClick={show}>{M.secret.show}</Button>}
            <Button small icon={isCopied ? "check" : "copy"} onClick={copy}>{isCopied ? M.secret.copied : M.secret.copy}</Button>
          </span>
        </div>
        <p class="hint">{shown?.startsWith("whpk_") ? M.verify.asymmetric : M.secret.more}</p>
        {!step && may("ManageEndpointSecret") && <div><Button small icon="retry" onClick={() => setRotating(true)}>{M.secret.rotate}</Button></div>}
      </div>
      {isRotating && <Rotate endpoint={endpoint} onClose={() => setRotating(false)} onDone={() => { setCopied(false); if (shown !== null) void show(); }} />}
    </Panel>
  );
}

function Rotate({ endpoint, onClose, onDone }: { endpoint: Endpoint; onClose: () => void; onDone: () => void }): JSX.Element {
  const [isAtOnce, setAtOnce] = useState(false);
  const rotate = async (): Promise<void> => {
    await endpoints.rotate(endpoint.id, isAtOnce ? 0 : DAY_S);
    toast.say(isAtOnce ? M.secret.rotatedNow : M.secret.rotated);
    onDone();
  };
  return (
    <Confirm title={M.secret.rotateTitle} act={M.secret.rotate} onConfirm={rotate} onClose={onClose}>
      <p>{M.secret.rotateMore}</p>
      <Check checked={isAtOnce} onValue={setAtOnce}>{M.secret.rotateNow}</Check>
    </Confirm>
  );
}

function Numbered({ step, children }: { step?: number; children: string }): JSX.Element {
  return <>{step && <span class="stepno">{step}</span>}{children}</>;
}

/** Code that verifies, in the language of the reader. */
export function VerifyPanel({ endpoint, step }: { endpoint: Endpoint; step?: number }): JSX.Element {
  const [language, setLanguage] = useState<Language>("Node");
  const snippet = snippetFor(language, endpoint.url);
  return (
    <Panel class="clip verify" title={<Numbered step={step}>{M.verify.title}</Numbered>} footer={snippet.install ? <><Icon name="term" small /><code class="grow wrapany" aria-label={M.verify.install}>{snippet.install}</code><Copy text={snippet.install} /></> : undefined}>
      <div class="body slim soft s-text">{M.verify.more}</div>
      <div class="langbar">
        <div class="seg s langs" role="group" aria-label={M.verify.language}>
          {LANGUAGES.map((one) => <button type="button" key={one} aria-pressed={one === language} onClick={() => setLanguage(one)}>{one}</button>)}
        </div>
        <span class="row gap-1 end"><code class="muted s-text">{snippet.file}</code><Copy text={snippet.code} label={M.verify.copy} /></span>
      </div>
      <pre class="pre snippet" tabIndex={0} role="region" aria-label={`${M.verify.title}: ${language}`}><Highlighted code={snippet.code} /></pre>
    </Panel>
  );
}

const PING = "svix.ping";
const ANSWER_BY_MS = 60_000, LOOK_EVERY_MS = 400;

/** Waits for the first attempt of a message at an endpoint; null: none came in time. */
async function firstAttempt(message: string, endpoint: string): Promise<Attempt | null> {
  const until = Date.now() + ANSWER_BY_MS;
  while (Date.now() < until) {
    const found = (await attempts.ofMessage(message, { endpoint_id: endpoint })).data[0];
    if (found) return found;
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  }
  return null;
}

type Outcome = { kind: "waiting" } | { kind: "late"; message: string } | { kind: "here"; message: string; attempt: Attempt };

/** Sends an example and tells what became of it. */
export function TestPanel({ endpoint, step, isDone, onArrived }: { endpoint: Endpoint; step?: number; isDone?: boolean; onArrived?: () => void }): JSX.Element {
  const types = useLoad("types", eventTypes);
  const [type, setType] = useState(PING);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const { isBusy, error, run } = useAct();
  // Only what has an example, or a schema to make one from, can be sent.
  const wanted = new Set(endpoint.eventTypes ?? []);
  const usable = (types.data ?? []).filter((one) => exampleOf(one) !== undefined || latestSchema(one) !== null).map((one) => one.name);
  usable.sort((a, b) => Number(wanted.has(b)) - Number(wanted.has(a)) || a.localeCompare(b));
  const send = () => run(async () => {
    setOutcome({ kind: "waiting" });
    try {
      const message = await endpoints.sendExample(endpoint.id, type);
      const attempt = await firstAttempt(message.id, endpoint.id);
      if (attempt?.statusText === "success") onArrived?.();
      setOutcome(attempt ? { kind: "here", message: message.id, attempt } : { kind: "late", message: message.id });
    } catch (problem) {
      setOutcome(null);
      throw problem;
    }
  });
  return (
    <Panel class="test" title={<Numbered step={step}>{M.test.title}</Numbered>}>
      <div class="body stack-3">
        <p class="soft">{endpoint.disabled ? M.test.off : M.test.intro}</p>
        <div class="row wrap">
          <span class="grow"><Select label={M.test.type} value={type} onValue={setType} options={[[PING, M.test.ping], ...usable.map((name) => [name, name] as const)]} /></span>
          <Button icon="send" kind={step && !isDone ? "primary" : undefined} busy={isBusy} disabled={endpoint.disabled} onClick={send}>{outcome ? M.test.again : M.test.send}</Button>
        </div>
        <div role="status">
          {outcome?.kind === "waiting" && <p class="muted">{M.test.waiting}</p>}
          {outcome?.kind === "late" && <p>{M.test.late} <Link to={`/messages/${outcome.message}`}>{M.test.see}</Link></p>}
          {outcome?.kind === "here" && <Result attempt={outcome.attempt} />}
        </div>
        {error != null && <ErrorPanel error={error} />}
      </div>
    </Panel>
  );
}

function Result({ attempt }: { attempt: Attempt }): JSX.Element {
  const isFine = attempt.statusText === "success";
  const answer = statusInWords(attempt.responseStatusCode);
  const words = isFine
    ? M.test.answered(answer, duration(attempt.responseDurationMs))
    : attempt.responseStatusCode ? M.test.failed(answer) : M.test.unreachable(whyNoAnswer(attempt));
  return (
    <div class="stack-2">
      <div class={`tres ${isFine ? "good-soft" : "fail-soft"}`}>
        <Icon name={isFine ? "ok" : "alarm"} class={isFine ? "good" : "bad"} />
        <div class="grow">
          <b>{isFine ? M.test.arrived : <bdi>{words}</bdi>}</b>
          <p class="soft">{isFine ? words : adviceFor(attempt)}</p>
        </div>
        <Link to={`/messages/${attempt.msgId}`}>{M.test.see}</Link>
      </div>
      <ul class="steps2">
        <li><time dateTime={attempt.timestamp}>{clockExact(attempt.timestamp)}</time>{M.test.sent}</li>
        <li><time>{clockExact(Date.parse(attempt.timestamp) + attempt.responseDurationMs)}</time><span>{attempt.responseStatusCode ? <>{M.test.answer} <Code status={attempt.responseStatusCode} none="" /></> : M.test.noAnswer}</span></li>
      </ul>
      {!isFine && attempt.responseStatusCode > 0 && attempt.response && <Said attempt={attempt} />}
    </div>
  );
}

/** The receiver's words: quoted, and said to be theirs. */
export function Said({ attempt }: { attempt: Attempt }): JSX.Element {
  return (
    <figure class="said">
      <figcaption class="hint">{P.problem.said}</figcaption>
      {attempt.response ? <Text text={attempt.response} label={P.problem.said} /> : <p class="hint">{P.problem.saidNothing}</p>}
    </figure>
  );
}
