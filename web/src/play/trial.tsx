// SPDX-License-Identifier: Apache-2.0
// A change of an endpoint's rules, tried on the last messages before it is saved.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, type Raw } from "../kit/api";
import { Icon, type IconName } from "../kit/icons";
import { useAct } from "../kit/load";
import { Link } from "../kit/router";
import { Button, ErrorPanel, Time } from "../kit/ui";
import { Y } from "../words/play";
import { Conditions, type FilterExplanation } from "./conditions";
import { objectOf } from "./json";
import { Diff } from "./parts";

interface Side {
  outcome: "send" | "nothing" | "cancel" | "fail";
  reasons: { rule: string; words: string }[];
  filter: FilterExplanation | null;
  bodyShown: boolean;
  error: string | null;
}

interface Tried {
  msgId: string;
  eventType: string;
  timestamp: string;
  effect: "gained" | "lost" | "changed" | "fails";
  before: Side;
  after: Side;
}

export interface Trial {
  tried: number;
  payloadGone: number;
  oldest: string | null;
  complete: boolean;
  wantedBefore: number;
  wantedAfter: number;
  gained: number;
  lost: number;
  changed: number;
  fails: number;
  missing: number;
  data: Tried[];
}

interface Props {
  /** The endpoint's path in the API. */
  path: string;
  /** What is changed, as JSON texts by the API's names. */
  members: Record<string, string>;
  messageTo: (id: string) => string;
  onTried?: (trial: Trial) => void;
  isOff?: boolean;
  /** Nobody has to ask for the first trial, and what comes of it is scrolled to. */
  atOnce?: boolean;
}

const ICONS: Record<Tried["effect"], IconName> = { gained: "plus", lost: "x", changed: "doc", fails: "alarm" };

function Words({ side }: { side: Side }): JSX.Element | null {
  if (side.error) return <p class="bad"><bdi>{side.error}</bdi></p>;
  if (side.outcome === "cancel") return <p>{Y.trial.cancel}</p>;
  const others = side.reasons.filter((one) => one.rule !== "filter");
  return <>{others.map((one) => <p><bdi>{one.words}</bdi></p>)}{side.filter && !side.filter.matches && <Conditions filter={side.filter} />}</>;
}

/** Of one that is gained the old rules say why not, else the new ones. */
function Why({ raw, one, at }: { raw: Raw<Trial>; one: Tried; at: number }): JSX.Element {
  if (one.effect !== "changed") return <Words side={one.effect === "gained" ? one.before : one.after} />;
  const from = one.before.bodyShown ? raw.raw("data", at, "before", "body") : null, to = one.after.bodyShown ? raw.raw("data", at, "after", "body") : null;
  return from !== null && to !== null ? <Diff from={from} to={to} /> : <p class="soft">{Y.trial.notShown}</p>;
}

function Row({ raw, at, messageTo }: { raw: Raw<Trial>; at: number; messageTo: Props["messageTo"] }): JSX.Element {
  const one = raw.value.data[at]!;
  const [isOpen, setOpen] = useState(at === 0);
  return (
    <li class={`triedrow ${one.effect}`}>
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <Icon name={ICONS[one.effect]} small />
          <span class="grow trunc"><bdi>{one.eventType}</bdi> <span class="muted">{Y.trial.effects[one.effect]}</span></span>
          <span class="muted"><Time at={one.timestamp} /></span>
        </summary>
        {isOpen && <div class="triedwhy"><p><Link class="mono roomy" to={messageTo(one.msgId)}>{one.msgId}</Link></p><Why raw={raw} one={one} at={at} /></div>}
      </details>
    </li>
  );
}

function Outcome({ raw, messageTo }: { raw: Raw<Trial>; messageTo: Props["messageTo"] }): JSX.Element {
  const trial = raw.value;
  const differs = trial.gained + trial.lost + trial.changed + trial.fails;
  if (!trial.tried && !trial.payloadGone) return <p class="soft">{Y.trial.nothing}</p>;
  return (
    <>
      <p><b>{Y.trial.sentence(trial.tried, trial.wantedBefore, trial.wantedAfter)}</b></p>
      {differs === 0 && <p class="soft">{Y.trial.none}</p>}
      <p class="row wrap gap-2">
        {trial.gained > 0 && <span class="tag good">{Y.trial.gained(trial.gained)}</span>}
        {trial.lost > 0 && <span class="tag bad">{Y.trial.lost(trial.lost)}</span>}
        {trial.changed > 0 && <span class="tag">{Y.trial.changed(trial.changed)}</span>}
        {trial.fails > 0 && <span class="tag bad">{Y.trial.fails(trial.fails)}</span>}
      </p>
      {trial.missing > 0 && <p>{Y.trial.missing(trial.missing)}</p>}
      {trial.data.length > 0 && <ul class="tried">{trial.data.map((one, i) => <Row key={one.msgId} raw={raw} at={i} messageTo={messageTo} />)}</ul>}
      {differs > trial.data.length && <p class="hint">{Y.trial.shown(trial.data.length, differs)}</p>}
      {trial.payloadGone > 0 && <p class="hint">{Y.trial.gone(trial.payloadGone)}</p>}
      {!trial.complete && <p class="warned">{Y.trial.partly}</p>}
    </>
  );
}

export function RulesTrial({ path, members, messageTo, onTried, isOff, atOnce }: Props): JSX.Element {
  const body = objectOf(members);
  const [tried, setTried] = useState<{ body: string; raw: Raw<Trial> } | null>(null);
  const { isBusy, error, run } = useAct();
  const box = useRef<HTMLElement>(null);
  const go = () => void run(async () => {
    const raw = await api.postRaw<Trial>(`${path}/trial`, undefined, { text: body });
    setTried({ body, raw });
    onTried?.(raw.value);
  });
  useEffect(() => {
    if (atOnce) go();
  }, []);
  useEffect(() => {
    if (atOnce && tried) box.current?.scrollIntoView({ block: "nearest" });
  }, [tried]);
  return (
    <section ref={box} class="panel trial" aria-label={Y.trial.title}>
      <header><h3 class="grow">{Y.trial.title}</h3><Button small icon={tried ? "retry" : "flask"} busy={isBusy} disabled={isOff} onClick={go}>{tried ? Y.trial.again : Y.trial.act}</Button></header>
      <div class="body stack-2" role="status">
        {!tried && <p class="muted">{Y.trial.before}</p>}
        {tried && tried.body !== body && <p class="warned">{Y.trial.stale}</p>}
        {tried && <Outcome raw={tried.raw} messageTo={messageTo} />}
        {error != null && <ErrorPanel error={error} />}
      </div>
    </section>
  );
}
