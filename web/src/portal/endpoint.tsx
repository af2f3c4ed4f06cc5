// SPDX-License-Identifier: Apache-2.0
// One endpoint: how it does in one sentence, the act that follows from it, then what was sent.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { Confirm } from "../kit/dialog";
import { W } from "../words/en";
import { aDayAgo, adviceFor, type Attempt, attempts, Button, type Counts, Empty, type Endpoint, endpoints, EndpointState, ErrorPanel, type Health, Icon, Id, LinkButton, may, Menu, MenuItem, nameOf, navigate, P, problemInWords, query, SkelLines, Tabs, toast, useLoad, when, whyOff } from "./common";
import { Deliveries } from "./deliveries";
import { Day, Recover, Replay, type Started } from "./recover";
import { Settings } from "./settings";
import { Said, SecretPanel, TestPanel, VerifyPanel } from "./verify";
import { M } from "./words-more";

const REFRESH_MS = 15_000;

/** Everything that the head of the page says. */
export interface View {
  endpoint: Endpoint;
  health: Health;
  day: Counts;
  /** Since when it does badly; null: it does well. Sending again begins a minute earlier, as clocks differ. */
  since: string | null;
  /** What has not arrived since then. */
  lost: number;
  last: Attempt | null;
}

/** Recovering looks back so far at most. */
const MINUTE_MS = 60_000, LONGEST_MS = 14 * 86_400_000 - MINUTE_MS;

async function load(id: string, signal: AbortSignal): Promise<View> {
  const [endpoint, health, day] = await Promise.all([endpoints.get(id, signal), endpoints.health(id, signal), endpoints.counts(id, aDayAgo(), signal)]);
  const isBad = health.status === "failing" || (endpoint.disabled && endpoint.disabledReason !== "manual");
  if (!isBad && day.fail === 0) return { endpoint, health, day, since: null, lost: 0, last: null };
  const oldest = Date.now() - LONGEST_MS;
  const from = health.failingSince ? Math.max(Date.parse(health.failingSince) - MINUTE_MS, oldest) : isBad ? oldest : aDayAgo();
  const [counts, failed] = await Promise.all([endpoints.counts(id, from, signal), isBad ? attempts.lastFailed(id, signal) : null]);
  return { endpoint, health, day, since: new Date(from).toISOString(), lost: counts.fail, last: failed };
}

export function EndpointPage({ id, isCreated }: { id: string; isCreated?: boolean }): JSX.Element {
  const view = useLoad(`endpoint:${id}`, (signal) => load(id, signal), { everyMs: REFRESH_MS });
  if (!view.data) {
    if (view.error) return <Missing error={view.error} onRetry={view.reload} />;
    return view.isSlow ? <SkelLines n={6} /> : <div />;
  }
  if (isCreated) return <Created endpoint={view.data.endpoint} />;
  return <Whole view={view.data} onChange={view.reload} />;
}

function Missing({ error, onRetry }: { error: unknown; onRetry: () => void }): JSX.Element {
  if ((error as { status?: number }).status !== 404) return <ErrorPanel error={error} onRetry={onRetry} />;
  return <Empty title={P.notFound.title} art="broken" actions={<LinkButton to="/endpoints">{P.notFound.back}</LinkButton>}>{P.notFound.more}</Empty>;
}

function Head({ endpoint, children, state }: { endpoint: Endpoint; children?: ComponentChildren; state?: ComponentChildren }): JSX.Element {
  return (
    <div class="phd">
      <div class="grow">
        <div class="row gap-3 wrap"><h1><bdi>{nameOf(endpoint)}</bdi></h1>{state}</div>
        <Id value={endpoint.url} label={W.copy.url} />
      </div>
      {children}
    </div>
  );
}

/** The second and third step of adding an endpoint. */
function Created({ endpoint }: { endpoint: Endpoint }): JSX.Element {
  const canTest = may("CreateAttempts");
  const [isTested, setTested] = useState(false);
  const lookOf = (i: number): string => (i === 0 || isTested ? "done" : i === 1 ? "now" : "");
  return (
    <>
      <Head endpoint={endpoint}>
        <ol class="steps3" aria-label={M.created.stepsLabel}>
          {M.created.steps.map((step, i) => (i < 2 || canTest) && (
            <li key={step} class={lookOf(i)} aria-current={lookOf(i) === "now" ? "step" : undefined}><span>{lookOf(i) === "done" ? <Icon name="check" small /> : i + 1}</span>{step}</li>
          ))}
        </ol>
      </Head>
      <div class="mgrid">
        <SecretPanel endpoint={endpoint} step={1} showsAtOnce />
        <VerifyPanel endpoint={endpoint} step={2} />
        {canTest && <TestPanel endpoint={endpoint} step={3} isDone={isTested} onArrived={() => setTested(true)} />}
      </div>
      <div class="row pfoot">
        {may("ManageEndpoint") && <LinkButton kind="quiet" icon="left" to={`/endpoints/${endpoint.id}?tab=settings`}>{M.created.back}</LinkButton>}
        <span class="grow" />
        <LinkButton kind={isTested || !canTest ? "primary" : undefined} to={`/endpoints/${endpoint.id}`}>{M.created.done}</LinkButton>
      </div>
    </>
  );
}

type TabName = "overview" | "settings" | "verify";

function tabNow(): TabName {
  const name = query.value.get("tab");
  return name === "settings" || name === "verify" ? name : "overview";
}

function Whole({ view, onChange }: { view: View; onChange: () => void }): JSX.Element {
  const { endpoint } = view;
  const at = `/endpoints/${endpoint.id}`, tab = tabNow();
  const tabs = (Object.keys(M.endpoint.tabs) as TabName[]).map((key) => ({ key, label: M.endpoint.tabs[key], to: key === "overview" ? at : `${at}?tab=${key}` }));
  return (
    <>
      <Head endpoint={endpoint} state={<EndpointState endpoint={endpoint} health={view.health} counts={view.day} />}>
        <div class="row">
          {may("CreateAttempts") && <LinkButton icon="send" to={`${at}?tab=verify`}>{M.endpoint.sendTest}</LinkButton>}
          {may("ManageEndpoint") && <Acts endpoint={endpoint} onChange={onChange} />}
        </div>
      </Head>
      <Problem view={view} onChange={onChange} />
      <div class="subtabs"><Tabs label={nameOf(endpoint)} tabs={tabs} at={tab} /></div>
      {tab === "overview" && <Overview view={view} onChange={onChange} />}
      {tab === "settings" && <Settings endpoint={endpoint} onChange={onChange} />}
      {tab === "verify" && (
        <div class="mgrid">
          <SecretPanel endpoint={endpoint} />
          <VerifyPanel endpoint={endpoint} />
          {may("CreateAttempts") && <TestPanel endpoint={endpoint} />}
        </div>
      )}
    </>
  );
}

function Overview({ view, onChange }: { view: View; onChange: () => void }): JSX.Element {
  return (
    <div class="stack">
      <Day view={view} />
      <Deliveries endpoint={view.endpoint} />
      {may("CreateAttempts") && !view.endpoint.disabled && <Replay endpoint={view.endpoint} onChange={onChange} />}
    </div>
  );
}

/** Since when, what the receiver says, what to do; and sending again what was lost. */
function Problem({ view, onChange }: { view: View; onChange: () => void }): JSX.Element | null {
  const { endpoint, health, last } = view;
  const [started, setStarted] = useState<Started | null>(null);
  const isOff = endpoint.disabled, isBad = isOff || health.status === "failing";
  // What was begun is told to its end, also when nothing is wrong any more.
  const hasRecover = may("CreateAttempts") && (view.lost > 0 || started !== null);
  if (!isBad && !hasRecover) return null;
  return (
    <div class={hasRecover ? "bgrid trouble" : "trouble"}>
      {isBad && (
        <div class={`note${isOff && endpoint.disabledReason === "manual" ? "" : " fail"}`}>
          <Icon name={isOff ? "off" : "alarm"} />
          <div class="grow">
            <b><bdi>{isOff ? whyOff(endpoint) : problemInWords(P.problem.yours, last, health.failingSince)}</bdi></b>
            <p class="soft">{last ? adviceFor(last) : P.problem.offMore} {!isOff && health.pendingCount > 0 && health.nextAttempt && P.problem.waits(health.pendingCount, when(health.nextAttempt, false))}</p>
            {last && last.responseStatusCode > 0 && last.response && <Said attempt={last} />}
          </div>
          {isOff && may("ManageEndpoint") && <TurnOn endpoint={endpoint} onChange={onChange} />}
        </div>
      )}
      {hasRecover && <Recover view={view} started={started} onStart={setStarted} onChange={onChange} />}
    </div>
  );
}

export async function turnOn(endpoint: Endpoint): Promise<void> {
  // One that was turned off for failing begins anew; one that its owner turned off only goes on.
  if (endpoint.disabledReason === "manual") await endpoints.patch(endpoint.id, { disabled: false });
  else await endpoints.enable(endpoint.id);
}

function TurnOn({ endpoint, onChange }: { endpoint: Endpoint; onChange: () => void }): JSX.Element {
  const [isBusy, setBusy] = useState(false);
  const go = async (): Promise<void> => {
    setBusy(true);
    await turnOn(endpoint).then(() => toast.say(M.endpoint.turnedOn), toast.fail);
    setBusy(false);
    onChange();
  };
  return <Button small busy={isBusy} onClick={go}>{P.problem.turnOn}</Button>;
}

/** Turning off can be undone and is done at once; deleting cannot, and asks for the name. */
function Acts({ endpoint, onChange }: { endpoint: Endpoint; onChange: () => void }): JSX.Element {
  const [isDeleting, setDeleting] = useState(false);
  const turn = async (isOn: boolean): Promise<void> => {
    try {
      if (isOn) await turnOn(endpoint);
      else await endpoints.patch(endpoint.id, { disabled: true });
      toast.say(isOn ? M.endpoint.turnedOn : M.endpoint.turnedOff, () => void turn(!isOn));
    } catch (error) {
      toast.fail(error);
    }
    onChange();
  };
  const remove = async (): Promise<void> => {
    await endpoints.delete(endpoint.id);
    toast.say(M.endpoint.deleted);
    navigate("/endpoints");
  };
  return (
    <>
      <Menu label={M.endpoint.more}>
        {endpoint.disabled
          ? <MenuItem icon="play" onClick={() => void turn(true)}>{M.endpoint.turnOn}</MenuItem>
          : <MenuItem icon="off" onClick={() => void turn(false)}>{M.endpoint.turnOff}</MenuItem>}
        <MenuItem icon="x" danger onClick={() => setDeleting(true)}>{M.endpoint.delete}</MenuItem>
      </Menu>
      {isDeleting && (
        <Confirm title={M.endpoint.deleteTitle} act={M.endpoint.delete} danger typed={shortName(endpoint)} onConfirm={remove} onClose={() => setDeleting(false)}>
          <p>{M.endpoint.deleteMore}</p>
        </Confirm>
      )}
    </>
  );
}

/** What has to be typed to delete it: the host, which is short and says what is lost. */
function shortName(endpoint: Endpoint): string {
  try {
    return new URL(endpoint.url).hostname;
  } catch {
    return endpoint.id;
  }
}
