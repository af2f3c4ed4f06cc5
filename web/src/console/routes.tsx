// SPDX-License-Identifier: Apache-2.0
// Which page stands at which address. Pages that are seldom opened are loaded when they are.
import type { ComponentType, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button, Empty, ErrorPanel, match, path, SkelLines, type Params } from "../kit";
import { C } from "../words/console";
import { openFinder } from "./find";
import { FoundPage } from "./pages/found";
import { Overview } from "./pages/overview";
import { usePage } from "./shell";

type Page = ComponentType<{ params: Params }>;

/** A page that is loaded when it is first opened. */
function later(load: () => Promise<Page>): Page {
  let loaded: Page | null = null;
  return function Later({ params }) {
    const [page, setPage] = useState<Page | null>(() => loaded);
    const [error, setError] = useState<unknown>(null);
    const get = () => {
      setError(null);
      load().then((got) => { loaded = got; setPage(() => got); }, setError);
    };
    useEffect(() => {
      if (!page) get();
    }, []);
    if (error != null) return <ErrorPanel error={C.common.pageGone} onRetry={() => window.location.reload()} />;
    const Shown = page;
    return Shown ? <Shown params={params} /> : <SkelLines />;
  };
}

const inbound = () => import("./pages/inbound");
const webfilters = () => import("./pages/webfilters");
const admin = () => import("./pages/admin");
const delivery = () => import("./pages/delivery");
const playground = () => import("./pages/playground");

const ROUTES: readonly (readonly [string, Page])[] = [
  ["/", Overview],
  ["/apps", later(() => delivery().then((m) => m.Apps))],
  ["/find/:q", FoundPage],
  ["/apps/:app", later(() => delivery().then((m) => m.AppEndpoints))],
  ["/apps/:app/messages", later(() => delivery().then((m) => m.AppMessages))],
  ["/apps/:app/deliveries", later(() => delivery().then((m) => m.AppDeliveries))],
  ["/deliveries", later(() => delivery().then((m) => m.DeliveriesPage))],
  ["/apps/:app/changes", later(() => delivery().then((m) => m.AppChanges))],
  ["/apps/:app/settings", later(() => delivery().then((m) => m.AppSettings))],
  ["/apps/:app/endpoints/:ep", later(() => delivery().then((m) => m.EndpointPage))],
  ["/apps/:app/endpoints/:ep/messages", later(() => delivery().then((m) => m.EndpointMessagesPage))],
  ["/apps/:app/endpoints/:ep/headers", later(() => delivery().then((m) => m.EndpointHeadersPage))],
  ["/apps/:app/endpoints/:ep/changes", later(() => delivery().then((m) => m.EndpointChangesPage))],
  ["/apps/:app/messages/:msg", later(() => delivery().then((m) => m.MessagePage))],
  ["/sources", later(() => inbound().then((m) => m.Sources))],
  ["/sources/:source", later(() => inbound().then((m) => m.SourcePage))],
  ["/sources/:source/endpoints", later(() => inbound().then((m) => m.SourceEndpointsPage))],
  ["/sources/:source/changes", later(() => inbound().then((m) => m.SourceChangesPage))],
  ["/sources/:source/settings", later(() => inbound().then((m) => m.SourceSettingsPage))],
  ["/webfilters", later(() => webfilters().then((m) => m.Webfilters))],
  ["/apps/:app/filters", later(() => webfilters().then((m) => m.AppFilters))],
  ["/apps/:app/chains/:event", later(() => webfilters().then((m) => m.ChainPage))],
  ["/apps/:app/runs", later(() => webfilters().then((m) => m.Runs))],
  ["/apps/:app/runs/:run", later(() => webfilters().then((m) => m.RunPage))],
  ["/integrations/openedx", later(() => webfilters().then((m) => m.OpenEdx))],
  ["/integrations/ckan", later(() => webfilters().then((m) => m.Ckan))],
  ["/integrations/preservica", later(() => webfilters().then((m) => m.Preservica))],
  ["/integrations/gaia", later(() => webfilters().then((m) => m.Gaia))],
  ["/tasks", later(() => admin().then((m) => m.Tasks))],
  ["/tasks/other", later(() => admin().then((m) => m.OtherTasks))],
  ["/tasks/:task", later(() => admin().then((m) => m.TaskPage))],
  ["/event-types", later(() => admin().then((m) => m.EventTypes))],
  ["/event-types/:type", later(() => admin().then((m) => m.EventTypePage))],
  ["/playground", later(() => playground().then((m) => m.Playground))],
  ["/live", later(() => admin().then((m) => m.LivePage))],
  ["/operational", later(() => admin().then((m) => m.OperationalPage))],
  ["/audit", later(() => admin().then((m) => m.AuditPage))],
  ["/access", later(() => admin().then((m) => m.Access))],
  ["/access/users", later(() => admin().then((m) => m.AccessUsers))],
  ["/access/sessions", later(() => admin().then((m) => m.AccessSessions))],
  ["/access/tenants", later(() => admin().then((m) => m.AccessTenants))],
  ["/system", later(() => admin().then((m) => m.SystemPage))],
  ["/settings", later(() => admin().then((m) => m.Settings))],
];

function NotFound(): JSX.Element {
  usePage(C.notFound.title);
  return <Empty art="line" title={C.notFound.title} actions={<Button kind="primary" icon="search" onClick={openFinder}>{C.find.title}</Button>}>{C.notFound.text}</Empty>;
}

export function Routed(): JSX.Element {
  for (const [pattern, Page] of ROUTES) {
    const params = match(pattern, path.value);
    // The key makes another object another page: nothing of the last one stays.
    if (params) return <Page key={`${pattern} ${Object.values(params).join(" ")}`} params={params} />;
  }
  return <NotFound />;
}
