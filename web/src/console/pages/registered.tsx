// SPDX-License-Identifier: Apache-2.0
// What users of CKAN, Preservica and Gaia registered by themselves. An operator is nobody's user there, so this shows
// all of it, and can stop one.
import type { JSX } from "preact";
import { api, Button, Empty, ErrorPanel, Link, pageIterator, Pager, part, Status, Table, Time, toast, useLoad, when, type Column, type List } from "../../kit";
import { C } from "../../words/console_filters";
import { endpointPath } from "../common";
import { usePage } from "../shell";

interface Registered {
  id?: string;
  endpointId: string;
  applicationId?: string;
  disabled: boolean;
  disabledReason: string | null;
  createdAt: string;
  updatedAt: string;
}

interface CkanWebhook extends Registered {
  topic: string;
  address: string;
  entity: string | null;
  user: string;
  sysadmin: boolean;
  site: string | null;
  deletedAfter: string | null;
}

interface PreservicaSubscription extends Registered {
  trigger: string;
  url: string;
  includeIdentifiers: boolean;
  handshakePassed: boolean;
}

interface GaiaWebhook extends Registered {
  tenant: number;
  datasource: string;
  event: string;
  host: string | null;
  routingKey: string | null;
}

interface Kind<T extends Registered> {
  title: string;
  sub: string;
  none: string;
  path: string;
  app: (row: T) => string;
  name: (row: T) => string;
  columns: Column<T>[];
}

function State({ row }: { row: Registered & { deletedAfter?: string | null } }): JSX.Element {
  if (!row.disabled) return <Status is="enabled" />;
  return <><Status is={row.disabledReason === "failing" || row.disabledReason === "gone" ? "attention" : "disabled"}>{C.off}</Status>{row.deletedAfter && <span class="l2">{C.others.stale(when(row.deletedAfter, false))}</span>}</>;
}

const CKAN: Kind<CkanWebhook> = {
  title: C.others.ckan, sub: C.others.ckanSub, none: C.others.ckanNone, path: "/api/v1/ckan/webhook", app: () => "ckan", name: (row) => row.topic,
  columns: [
    { key: "address", head: C.others.address, class: "c-lg", cell: (row) => <bdi class="mono">{row.address}</bdi> },
    { key: "entity", head: C.others.entity, class: "c-wide", cell: (row) => <bdi>{row.entity ?? C.others.any}</bdi> },
    { key: "user", head: C.others.user, class: "c-lg", cell: (row) => <><bdi class="mono trunc">{row.user}</bdi>{row.sysadmin && <span class="l2">{C.others.sysadmin}</span>}</> },
  ],
};

const PRESERVICA: Kind<PreservicaSubscription> = {
  title: C.others.preservica, sub: C.others.preservicaSub, none: C.others.preservicaNone, path: "/api/v1/preservica/subscription", app: () => "preservica", name: (row) => row.trigger,
  columns: [
    { key: "url", head: C.others.address, class: "c-lg", cell: (row) => <bdi class="mono">{row.url}</bdi> },
    { key: "hand", head: C.others.handshake, cell: (row) => <Status is={row.handshakePassed ? "accepted" : "waiting"}>{row.handshakePassed ? C.others.passed : C.others.open}</Status> },
  ],
};

const GAIA: Kind<GaiaWebhook> = {
  title: C.others.gaia, sub: C.others.gaiaSub, none: C.others.gaiaNone, path: "/api/v1/gaia/webhook", app: (row) => row.applicationId ?? "", name: (row) => row.event,
  columns: [
    { key: "tenant", head: C.others.tenant, isNum: true, cell: (row) => row.tenant },
    { key: "source", head: C.others.datasource, class: "c-lg", cell: (row) => <bdi>{row.datasource}</bdi> },
    { key: "host", head: C.others.host, class: "c-lg", cell: (row) => <bdi class="mono" title={C.others.hidden}>{row.host}</bdi> },
    { key: "key", head: C.others.routingKey, class: "c-wide", cell: (row) => <bdi class="mono">{row.routingKey}</bdi> },
  ],
};

function RegisteredPage<T extends Registered>({ kind }: { kind: Kind<T> }): JSX.Element {
  usePage(kind.title, [{ label: C.nav.integrations }]);
  const iterator = pageIterator();
  const list = useLoad(`${kind.path} ${iterator}`, (signal) => api.get<List<T>>(kind.path, { limit: 100, iterator }, signal));
  const toggle = async (row: T) => {
    const path = endpointPath(kind.app(row), row.endpointId);
    try {
      if (row.disabled) await api.post(`${path}/enable`);
      else await api.patch(path, { disabled: true });
    } catch (error) {
      toast.fail(error);
    }
    list.reload();
  };
  const columns: Column<T>[] = [
    { key: "name", head: C.others.event, cell: (row) => <><Link class="main-link" to={`/apps/${part(kind.app(row))}/endpoints/${part(row.endpointId)}`}><bdi>{kind.name(row)}</bdi></Link>{row.id && <span class="l2 mono trunc">{row.id}</span>}</> },
    ...kind.columns,
    { key: "state", head: C.others.state, cell: (row) => <State row={row} /> },
    { key: "made", head: C.others.made, isNum: true, class: "c-lg", cell: (row) => <Time at={row.createdAt} /> },
    { key: "act", head: <span class="sr">{C.common.more}</span>, isNum: true, class: "c-lg", cell: (row) => <Button small kind="quiet" onClick={() => void toggle(row)}>{row.disabled ? C.others.enable : C.others.disable}</Button> },
  ];
  const rows = list.data?.data;
  return (
    <>
      <div class="phead"><h1>{kind.title}<span class="h-sub">{kind.sub}</span></h1></div>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows?.length === 0 && !iterator ? <div class="panel"><Empty title={C.others.none}>{kind.none}</Empty></div>
        : <div class="panel flush inset clipx"><Table label={kind.title} columns={columns} rows={rows} rowKey={(row) => row.endpointId} rowTo={(row) => `/apps/${part(kind.app(row))}/endpoints/${part(row.endpointId)}`} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} />
    </>
  );
}

export const Ckan = (): JSX.Element => <RegisteredPage kind={CKAN} />;
export const Preservica = (): JSX.Element => <RegisteredPage kind={PRESERVICA} />;
export const Gaia = (): JSX.Element => <RegisteredPage kind={GAIA} />;
