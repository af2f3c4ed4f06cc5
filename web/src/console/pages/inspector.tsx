// SPDX-License-Identifier: Apache-2.0
// The attempts of one delivery: what was sent and what came back, all of it as text.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Code, Copy, count, duration, ErrorPanel, Facts, Icon, Id, Link, Menu, MenuItem, Panel, part, query, setQuery, StatusShape, Time, toast, useLoad } from "../../kit";
import { Text } from "../../kit/json";
import { C } from "../../words/console_delivery";
import { appPath, endpointName, playgroundTo, Shown } from "../common";
import type { Attempt, ExplainedAttempt, ExplainedEndpoint } from "../types";

type Side = "response" | "request" | "facts";

function responseText(attempt: Attempt): string {
  const head = attempt.responseHeaders?.trim();
  return head ? `${head}\n\n${attempt.response}` : attempt.response;
}

function AttemptView({ app, attempt }: { app: string; attempt: Attempt }): JSX.Element {
  const [side, setSide] = useState<Side>("response");
  const tab = (key: Side, label: string) => <button type="button" aria-pressed={side === key} onClick={() => setSide(key)}>{label}</button>;
  const hasAnswer = attempt.responseStatusCode !== 0;
  return (
    <div class="att-d">
      <div class="att-h"><div class="seg s">{tab("response", C.message.response)}{tab("request", C.message.request)}{tab("facts", C.message.facts)}</div></div>
      {side === "response" && (
        <>
          {attempt.error && <p class="att-err"><Icon name="alarm" small class="bad" /> <bdi>{attempt.errorDetail ?? attempt.error}</bdi></p>}
          {hasAnswer ? <Text text={responseText(attempt)} label={C.message.response} /> : <p class="body muted">{C.message.noAnswer}</p>}
          {hasAnswer && <div class="stranger"><Icon name="eye" small /><span class="grow">{C.message.stranger}</span><Copy text={responseText(attempt)} label={C.message.copyAnswer} /></div>}
        </>
      )}
      {side === "request" && (
        <>
          <Text text={`POST ${attempt.url}\n${attempt.requestHeaders ?? ""}`.trim()} label={C.message.request} />
          <div class="stranger"><Icon name="flask" small /><Link class="grow" to={playgroundTo("signature", app, attempt.msgId, attempt.endpointId, attempt.id)}>{C.message.verifySignature}</Link></div>
        </>
      )}
      {side === "facts" && (
        <div class="body"><Facts rows={[
          [C.endpoint.at, <Time at={attempt.timestamp} />],
          [C.endpoint.duration, duration(attempt.responseDurationMs)],
          [C.endpoint.url, <bdi>{attempt.url}</bdi>],
          [C.endpoint.code, hasAnswer ? String(attempt.responseStatusCode) : C.common.noAnswer],
          [C.message.trigger, attempt.triggerType === 1 ? C.endpoint.manual : C.message.scheduled],
          [C.message.errorKind, attempt.error],
          [C.endpoint.next, attempt.nextAttempt && <Time at={attempt.nextAttempt} />],
          [C.message.attemptId, <Id value={attempt.id} />],
        ]} /></div>
      )}
    </div>
  );
}

function AttemptButton({ attempt, isPicked }: { attempt: ExplainedAttempt; isPicked: boolean }): JSX.Element {
  return (
    <button type="button" class="att" aria-pressed={isPicked} onClick={() => setQuery({ attempt: attempt.id }, { replace: true })}>
      <StatusShape is={attempt.success ? "delivered" : "failed"} />
      <span>{count(attempt.attemptNumber)}</span>
      <Code status={attempt.responseStatusCode} none={C.common.noAnswer} />
      <span class="muted"><Time at={attempt.timestamp} /></span>
      <span class="end muted">{duration(attempt.responseDurationMs)}</span>
    </button>
  );
}

export function Inspector({ app, message, one, onChanged }: { app: string; message: string; one: ExplainedEndpoint; onChanged: () => void }): JSX.Element {
  const attempts = [...one.delivery!.attempts].reverse();
  const asked = query.value.get("attempt");
  const picked = attempts.find((attempt) => attempt.id === asked) ?? attempts[0];
  const path = picked ? `${appPath(app)}/msg/${part(message)}/attempt/${part(picked.id)}` : "";
  const loaded = useLoad(`attempt ${path}`, (signal) => api.get<Attempt>(path, undefined, signal), { isOff: !picked });
  const expunge = () => void api.del(`${path}/content`).then(() => { toast.say(C.message.expungeAnswerDone); loaded.reload(); onChanged(); }, toast.fail);
  return (
    <Panel title={<bdi>{C.message.attemptsTo(endpointName(one))}</bdi>} actions={picked && <Menu label={C.common.more} needs="change"><MenuItem needs="change" icon="x" danger onClick={expunge}>{C.message.expungeAnswer}</MenuItem></Menu>}>
      {picked ? (
        <div class="inspect">
          <div class="atts" role="group" aria-label={C.endpoint.attempts}>{attempts.map((attempt) => <AttemptButton key={attempt.id} attempt={attempt} isPicked={attempt === picked} />)}</div>
          {loaded.error != null && !loaded.data ? <ErrorPanel error={loaded.error} onRetry={loaded.reload} /> : <Shown loaded={loaded}>{(attempt) => <AttemptView app={app} attempt={attempt} />}</Shown>}
        </div>
      ) : <p class="body muted">{C.message.noAttempts}</p>}
    </Panel>
  );
}
