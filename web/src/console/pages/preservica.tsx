// SPDX-License-Identifier: Apache-2.0
// Preservica: the subscriptions of a tenant's users, and whether each receiver knows its secret.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Confirm, ErrorPanel, LinkButton, part, Status, Time, toast, useAct, type List } from "../../kit";
import { C } from "../../words/console_integrations";
import { endpointPath } from "../common";
import { RegisteredPage, type Details, type Kind, type Registered } from "./registered";

const APP = "preservica";
const PATH = "/api/v1/preservica/subscription";

interface Subscription extends Registered {
  trigger: string;
  url: string;
  includeIdentifiers: boolean;
  handshakePassed: boolean;
  handshakeAt: string | null;
}

function Handshake({ row }: { row: Subscription }): JSX.Element {
  return <><Status is={row.handshakePassed ? "accepted" : "waiting"}>{row.handshakePassed ? C.preservica.passed : C.preservica.open}</Status>{row.handshakeAt && <span class="l2"><Time at={row.handshakeAt} rel /></span>}</>;
}

function ShakeAgain({ row, reload }: { row: Subscription; reload: () => void }): JSX.Element {
  const [passed, setPassed] = useState<Subscription | null>(null);
  const { isBusy, error, run } = useAct();
  return (
    <div role="status" class="stack">
      <div class="row wrap"><Button needs="change" busy={isBusy} icon="retry" onClick={() => void run(async () => { setPassed(null); setPassed(await api.post<Subscription>(`${PATH}/${part(row.endpointId)}/handshake`)); reload(); })}>{C.preservica.again}</Button>{passed && <Status is="accepted">{C.preservica.knows}</Status>}</div>
      {error != null && <ErrorPanel error={error} />}
    </div>
  );
}

const end = (row: Subscription): Promise<void> => api.del(endpointPath(APP, row.endpointId));

const DETAILS: Details<Subscription> = {
  columns: [
    { key: "ids", head: C.preservica.identifiers, class: "c-wide", cell: (row) => (row.includeIdentifiers ? C.common.yes : C.common.no) },
    { key: "hand", head: C.preservica.handshake, class: "c-lg", cell: (row) => <Handshake row={row} /> },
  ],
  facts: (row) => [
    [C.others.address, <bdi class="mono">{row.url}</bdi>],
    [C.preservica.identifiers, row.includeIdentifiers ? C.common.yes : C.common.no],
    [C.preservica.handshake, <Handshake row={row} />],
    [C.others.id, row.id && <bdi class="mono">{row.id}</bdi>],
  ],
};

const KIND: Kind<Subscription> = {
  title: C.preservica.title, sub: C.preservica.sub, none: C.preservica.none, path: PATH, app: () => APP, name: (row) => row.trigger, second: (row) => row.url,
  filters: [{ name: "trigger", label: C.preservica.trigger, options: C.preservica.triggers }],
  useDetails: () => DETAILS,
  acts: (row, reload) => <ShakeAgain row={row} reload={reload} />,
  end: { act: C.preservica.end, text: C.preservica.endText, run: end },
};

/** Counted first: what the list shows is one page of them. */
async function allOf(): Promise<Subscription[]> {
  const all: Subscription[] = [];
  let iterator: string | null = null;
  do {
    const page: List<Subscription> = await api.get<List<Subscription>>(PATH, { limit: 250, iterator });
    all.push(...page.data);
    iterator = page.done ? null : page.iterator ?? null;
  } while (iterator);
  return all;
}

export function Preservica(): JSX.Element {
  const [going, setGoing] = useState<Subscription[] | null>(null);
  const { isBusy, run, error } = useAct();
  const count = () => void run(async () => setGoing(await allOf()));
  return (
    <>
      <RegisteredPage kind={KIND} head={(list) => (
        <>
          <LinkButton to="/access" icon="key">{C.preservica.users}</LinkButton>
          <Button needs="change" busy={isBusy} kind="danger" disabled={!list.data?.data.length} onClick={count}>{C.preservica.endAll}</Button>
          {going && (
            <Confirm title={C.preservica.endAllTitle(going.length)} act={C.preservica.endAllAct(going.length)} danger typed={String(going.length)} onClose={() => setGoing(null)}
              onConfirm={async () => { for (const one of going) await end(one); toast.say(C.preservica.allEnded(going.length)); list.reload(); }}>
              <p>{C.preservica.endText}</p>
            </Confirm>
          )}
        </>
      )} above={error != null ? <ErrorPanel error={error} /> : undefined} />
    </>
  );
}
