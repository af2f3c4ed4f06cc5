// SPDX-License-Identifier: Apache-2.0
// Where the site sends its events to: a source of Open edX's whose routes name the site's application.
import type { JSX } from "preact";
import { api, Button, Copy, Panel, ErrorPanel, Link, part, relative, now, toast, useAct, useLoad, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_integrations";
import { Shown } from "../common";
import type { Application, Source, SourceRequest } from "../types";
import { sourcePath } from "./source_path";

interface Found {
  source: Source | null;
  last: SourceRequest | null;
}

function namesIt(source: Source, app: Application): boolean {
  const routes = (source.settings as { routes?: { applications?: string[] }[] } | null)?.routes ?? [];
  return routes.some((route) => route.applications?.some((one) => one === app.id || one === app.uid));
}

async function find(app: Application, signal: AbortSignal): Promise<Found> {
  let iterator: string | null = null;
  do {
    const page: List<Source> = await api.get<List<Source>>("/ingest/api/v1/source", { limit: 250, iterator }, signal);
    const source = page.data.find((one) => one.type === "openedx" && namesIt(one, app));
    if (source) return { source, last: (await api.get<List<SourceRequest>>(`${sourcePath(source.id)}/request`, { limit: 1 }, signal)).data[0] ?? null };
    iterator = page.done ? null : page.iterator ?? null;
  } while (iterator);
  return { source: null, last: null };
}

export function SiteSource({ app }: { app: Application }): JSX.Element {
  const loaded = useLoad(`openedx source ${app.id}`, (signal) => find(app, signal), { everyMs: 30_000 });
  const { isBusy, error, run } = useAct();
  const make = () => void run(async () => {
    await api.post<Source>("/ingest/api/v1/source", { name: C.openedx.sourceName(app.name), type: "openedx", settings: { routes: [{ applications: [app.uid ?? app.id] }] } });
    toast.say(C.openedx.sourceMade);
    loaded.reload();
  });
  return (
    <Panel title={C.openedx.source} actions={loaded.data && !loaded.data.source && <Button needs="change" small icon="plus" busy={isBusy} onClick={make}>{C.openedx.sourceMake}</Button>}>
      <div class="body">
        <Shown loaded={loaded}>
          {({ source, last }) => !source ? <p class="soft">{C.openedx.sourceNone}</p> : (
            <>
              <span class="secret"><code class="is-shown">{source.ingestUrl}</code><Copy text={source.ingestUrl ?? ""} label={W.copy.url} /></span>
              <p class="hint mt-2">{C.openedx.sourceHint}</p>
              <p><Link to={`/sources/${part(source.id)}`}>{last ? C.openedx.sourceLast(relative(last.timestamp, now.value)) : C.openedx.sourceNever}</Link></p>
            </>
          )}
        </Shown>
        {error != null && <ErrorPanel error={error} />}
      </div>
    </Panel>
  );
}
