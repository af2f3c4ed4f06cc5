// SPDX-License-Identifier: Apache-2.0
// All endpoints and how they do, the form that adds one, and what to do when there is none yet.
import type { JSX } from "preact";
import { count, percent } from "../kit/format";
import { Icon } from "../kit/icons";
import { useLoad } from "../kit/load";
import { Link, navigate } from "../kit/router";
import { Copy, Empty, ErrorPanel, LinkButton, SkelLines } from "../kit/ui";
import { lazy } from "./lazy";
import { aDayAgo, attempts, courses, endpoints, ENDPOINTS_SHOWN, eventTypes, nameOf, type Attempt, type Counts, type Course, type Endpoint, type Health } from "./model";
import { adviceFor, problemInWords } from "./problem";
import { isHidden, may, session } from "./session";
import { EndpointState, typesInWords, whyOff } from "./state";
import { P } from "./words";

const Spark = lazy(() => import("../kit/chart").then((kit) => kit.Spark));
const NewEndpoint = lazy(() => import("./new").then((page) => page.NewEndpoint));

interface How {
  health: Health;
  counts: Counts;
  /** The last failure, of those that are failing. */
  last: Attempt | null;
}

async function howIs(endpoint: Endpoint, signal: AbortSignal): Promise<How> {
  const [health, counts] = await Promise.all([endpoints.health(endpoint.id, signal), endpoints.counts(endpoint.id, aDayAgo(), signal)]);
  const isBad = health.status === "failing" || endpoint.disabledReason === "failing";
  const last = isBad ? await attempts.lastFailed(endpoint.id, signal) : null;
  return { health, counts, last };
}

const REFRESH_MS = 30_000;

function Share({ counts }: { counts: Counts }): JSX.Element {
  const all = counts.success + counts.fail + counts.sending;
  return (
    <div class={`ep-n${counts.success < all ? " bad" : all ? "" : " muted"}`}>
      <b>{all ? `${percent(counts.success / all)} %` : P.endpoints.none}</b>
      <span class="l2">{P.endpoints.share}</span>
    </div>
  );
}

function Row({ endpoint, how, course }: { endpoint: Endpoint; how: How | undefined; course: Course | undefined }): JSX.Element {
  return (
    <li class="ep has-spark">
      <div class="grow">
        <Link class="ep-u trunc" to={`/endpoints/${endpoint.id}`}><bdi>{endpoint.url}</bdi></Link>
        <span class="l2 trunc">{endpoint.description && <><bdi>{endpoint.description}</bdi>, </>}<bdi>{typesInWords(endpoint.eventTypes)}</bdi></span>
      </div>
      <div class="ep-sp">{course && <Spark label={P.endpoints.spark(course.arrived, course.failed)} points={course.points} />}</div>
      {how ? <Share counts={how.counts} /> : <div class="ep-n" />}
      <div class="ep-s"><EndpointState endpoint={endpoint} health={how?.health} counts={how?.counts} /></div>
    </li>
  );
}

/** One that needs its owner: since when, what is said, what to do. */
function Trouble({ endpoint, how }: { endpoint: Endpoint; how: How }): JSX.Element {
  const isOff = endpoint.disabled;
  const who = nameOf(endpoint);
  return (
    <div class="note fail">
      <Icon name="alarm" />
      <div class="grow">
        <b><bdi>{isOff ? `${who}: ${whyOff(endpoint)}` : problemInWords(who, how.last, how.health.failingSince)}</bdi></b>
        <p class="soft">{how.last ? adviceFor(how.last) : isOff ? P.problem.offMore : P.problem.advice.other} {how.counts.fail > 0 && P.problem.lost(how.counts.fail)}</p>
      </div>
      <LinkButton small to={`/endpoints/${endpoint.id}`}>{P.endpoints.seeFailed}</LinkButton>
    </div>
  );
}

const TROUBLES_SHOWN = 3;

function isTrouble(endpoint: Endpoint, how: How | undefined): boolean {
  return !!how && (how.health.status === "failing" || (endpoint.disabled && endpoint.disabledReason !== "manual"));
}

/** A listener for those who have no server yet. */
function Listener(): JSX.Element {
  return (
    <div class="listen only-lg">
      <div class="grow"><b>{P.endpoints.tryTitle}</b><p class="soft">{P.endpoints.tryMore}</p></div>
      <code class="cmd">{P.endpoints.tryCommand}<Copy text={P.endpoints.tryCommand} label={P.endpoints.tryCopy} /></code>
    </div>
  );
}

function First({ isReadOnly }: { isReadOnly: boolean }): JSX.Element {
  const types = useLoad("types", eventTypes, { isOff: isHidden("catalogue") });
  const name = session.value?.config.name ?? "";
  if (isReadOnly) return <Empty title={P.endpoints.title}>{P.endpoints.emptyReadOnly}</Empty>;
  return (
    <div class="first">
      <Empty title={P.endpoints.emptyTitle(name)} actions={
        <>
          <LinkButton kind="primary" icon="plus" to="/endpoints/new">{P.endpoints.add}</LinkButton>
          {!!types.data?.length && <LinkButton to="/event-types">{P.endpoints.seeTypes(types.data.length)}</LinkButton>}
        </>
      }>{P.endpoints.empty(name)}</Empty>
      <Listener />
    </div>
  );
}

export function EndpointsPage({ isNew }: { isNew?: boolean }): JSX.Element {
  const list = useLoad("endpoints", (signal) => endpoints.list(signal), { everyMs: REFRESH_MS });
  const rows = list.data?.data;
  const ids = rows?.map((one) => one.id).join() ?? "";
  const hows = useLoad(`hows:${ids}`, async (signal) => new Map(await Promise.all((rows ?? []).map(async (one) => [one.id, await howIs(one, signal)] as const))), { everyMs: REFRESH_MS, isOff: !rows?.length });
  const lines = useLoad(`courses:${ids}`, (signal) => courses.several(rows!.map((one) => one.id), signal), { everyMs: REFRESH_MS, isOff: !rows?.length });
  const canAdd = may("ManageEndpoint");
  const isAdding = !!isNew && canAdd;
  if (list.error && !rows) return <ErrorPanel error={list.error} onRetry={list.reload} />;
  if (!rows) return list.isSlow ? <SkelLines /> : <div />;
  if (!rows.length && !isAdding) return <First isReadOnly={!canAdd} />;
  const troubles = rows.filter((one) => isTrouble(one, hows.data?.get(one.id))).slice(0, TROUBLES_SHOWN);
  const name = session.value?.config.name ?? "";
  return (
    <div class={isAdding ? "pgrid" : "pone"}>
      <section class="stack-3">
        <div class="phd">
          <div class="grow"><h1>{P.endpoints.title}</h1><p class="soft">{P.endpoints.lead(name)}</p></div>
          {canAdd && !isAdding && <LinkButton kind="primary" icon="plus" to="/endpoints/new">{P.endpoints.add}</LinkButton>}
        </div>
        {rows.length > 0 && (
          <ul class="eps panel" aria-label={P.endpoints.title}>
            {rows.map((one) => <Row key={one.id} endpoint={one} how={hows.data?.get(one.id)} course={lines.data?.get(one.id)} />)}
          </ul>
        )}
        {rows.length === ENDPOINTS_SHOWN && !list.data!.done && <p class="hint">{P.endpoints.more} {count(ENDPOINTS_SHOWN)}</p>}
        {troubles.map((one) => <Trouble key={one.id} endpoint={one} how={hows.data!.get(one.id)!} />)}
        {canAdd && rows.length < 3 && <Listener />}
      </section>
      {isAdding && <NewEndpoint onClose={() => navigate("/endpoints")} />}
    </div>
  );
}
