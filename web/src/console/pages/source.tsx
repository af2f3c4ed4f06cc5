// SPDX-License-Identifier: Apache-2.0
// One source: what came in and what came of it, refused requests as prominent as others; and its settings.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import {
  api, Button, Confirm, Copy, count, Dialog, Empty, ErrorPanel, Facts, Field, Id, Input, Menu, MenuItem, navigate, Panel, part, Select, Status, Tabs, TextArea, Time, toast, useAct, useLoad, type List, type Loaded, type Params,
} from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_sources";
import { Shown, useOpen } from "../common";
import { usePage } from "../shell";
import type { Endpoint, Source } from "../types";
import { Changes } from "./audit";
import { ReplayRefused } from "./replay_refused";
import { Requests } from "./requests";
import { loadPresets, ProviderSteps, SourceState } from "./sources";
import { SourceDay } from "./source_day";
import { sourcePath } from "./source_path";
import { TryRequest } from "./try_request";

type SourceTab = "requests" | "endpoints" | "changes" | "settings";
type Act = "try" | "url" | "secret" | "delete" | "replay";

function RotateUrl({ source, onClose, onDone }: { source: Source; onClose: () => void; onDone: () => void }): JSX.Element {
  const [grace, setGrace] = useState<string>("86400");
  const { isBusy, error, run } = useAct();
  const rotate = async () => {
    if (!(await run(() => api.post<void>(`${sourcePath(source.id)}/token/rotate`, { gracePeriodSeconds: Number(grace) })))) return;
    toast.say(C.source.urlRotated);
    onClose();
    onDone();
  };
  return (
    <Dialog title={C.source.rotateUrlTitle} onClose={onClose} onSubmit={rotate} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy}>{C.source.rotateUrl}</Button></>}>
      <p>{C.source.rotateUrlText}</p>
      <Field label={C.source.oldEnds}><Select value={grace} options={C.source.graces} onValue={setGrace} data-first="" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

export function NewSecret({ source, onClose, onDone }: { source: Source; onClose: () => void; onDone: () => void }): JSX.Element {
  const [secret, setSecret] = useState("");
  const [grace, setGrace] = useState<string>("86400");
  const { isBusy, error, run } = useAct();
  const give = async () => {
    if (!(await run(() => api.post<void>(`${sourcePath(source.id)}/secret/rotate`, { secret: secret.trim(), gracePeriodSeconds: Number(grace) })))) return;
    toast.say(C.source.secretRotated);
    onClose();
    onDone();
  };
  return (
    <Dialog title={C.source.rotateSecretTitle} onClose={onClose} onSubmit={give} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!secret.trim()}>{C.common.save}</Button></>}>
      <p>{C.source.rotateSecretText}</p>
      <Field label={C.source.newSecret}><Input type="password" mono value={secret} onValue={setSecret} autocomplete="off" data-first="" /></Field>
      {source.secretCount > 0 && <Field label={C.source.oldEnds}><Select value={grace} options={C.source.graces} onValue={setGrace} /></Field>}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function SettingsTab({ source, open }: { source: Source; open: (act: Act) => void }): JSX.Element {
  const presets = useLoad("presets", loadPresets);
  const preset = presets.data?.find((one) => one.name === source.type);
  return (
    <div class="stack mt narrowpage">
      <Panel title={C.sources.url} actions={<Button needs="change" small kind="quiet" onClick={() => open("url")}>{C.source.rotateUrl}</Button>}>
        <div class="body">
          <span class="secret"><code class="is-shown">{source.ingestUrl}</code><Copy text={source.ingestUrl ?? ""} label={W.copy.url} /></span>
          <p class="hint mt-2">{C.sources.urlHint}</p>
          {preset && <div class="mt stack"><ProviderSteps preset={preset} /></div>}
        </div>
      </Panel>
      <Panel title={C.sources.secrets} actions={<Button needs="change" small kind="quiet" onClick={() => open("secret")}>{source.secretCount ? C.source.rotateSecret : C.source.giveSecret}</Button>}>
        <div class="body"><Facts rows={[
          [C.sources.secrets, count(source.secretCount)],
          [C.sources.type, preset ? `${preset.title} (${source.type})` : source.type],
          [C.common.uid, source.uid && <Id value={source.uid} />],
          [C.common.created, <Time at={source.createdAt} />],
          [C.common.changed, <Time at={source.updatedAt} />],
        ]} /></div>
      </Panel>
      <RawSettings source={source} />
    </div>
  );
}

/** Replies, window, deduplication and routes are one JSON object, in the language of the guide. */
function RawSettings({ source }: { source: Source }): JSX.Element {
  const [text, setText] = useState(JSON.stringify(source.settings ?? {}, null, 2));
  const { isBusy, error, run } = useAct();
  const save = () => void run(async () => {
    await api.patch(sourcePath(source.id), { settings: JSON.parse(text) });
    toast.say(C.common.saved);
  });
  return (
    <Panel title={C.source.rules} actions={<Button needs="change" small busy={isBusy} onClick={save}>{C.common.save}</Button>}>
      <div class="body fields">
        <Field label={C.source.rulesLabel} hint={C.source.rulesHint}><TextArea mono rows={8} value={text} onValue={setText} /></Field>
        {error != null && <ErrorPanel error={error} />}
      </div>
    </Panel>
  );
}

function EndpointsTab({ source }: { source: Source }): JSX.Element {
  const list = useLoad(`source endpoints ${source.id}`, (signal) => api.get<List<Endpoint>>(`${sourcePath(source.id)}/endpoint`, { limit: 100 }, signal));
  const [isAdding, setAdding] = useState(false);
  const [going, setGoing] = useState<Endpoint | null>(null);
  return (
    <>
      <div class="filters row wrap"><span class="muted grow">{C.source.endpointsText}</span><Button needs="change" small icon="plus" onClick={() => setAdding(true)}>{C.source.addEndpoint}</Button></div>
      <Shown loaded={list}>
        {(data) => data.data.length === 0 ? <div class="panel"><Empty title={C.source.noEndpoint}>{C.source.noEndpointText}</Empty></div> : (
          <div class="panel flush inset clipx"><table class="tbl" aria-label={C.source.endpoints}><thead><tr><th scope="col">{C.source.endpoints}</th><th scope="col" class="c-state">{C.sources.state}</th><th scope="col" class="num"><span class="sr">{C.common.more}</span></th></tr></thead><tbody>
            {data.data.map((endpoint) => (
              <tr key={endpoint.id}>
                <td><b class="normalweight"><bdi>{endpoint.description || endpoint.url}</bdi></b><span class="l2 mono trunc"><bdi>{endpoint.url}</bdi></span></td>
                <td class="c-state"><Status is={endpoint.disabled ? "disabled" : "enabled"} /></td>
                <td class="num"><Button needs="change" small kind="quiet" onClick={() => setGoing(endpoint)}>{C.common.remove}</Button></td>
              </tr>
            ))}
          </tbody></table></div>
        )}
      </Shown>
      {isAdding && <AddEndpoint source={source} onClose={() => setAdding(false)} onDone={list.reload} />}
      {going && (
        <Confirm title={C.source.endpointGone(going.description || going.url)} act={C.common.remove} danger onClose={() => setGoing(null)} onConfirm={async () => { await api.del(`${sourcePath(source.id)}/endpoint/${part(going.id)}`); list.reload(); }}>
          <p>{C.source.endpointGoneText}</p>
        </Confirm>
      )}
    </>
  );
}

function AddEndpoint({ source, onClose, onDone }: { source: Source; onClose: () => void; onDone: () => void }): JSX.Element {
  const [url, setUrl] = useState("");
  const [description, setDescription] = useState("");
  const { isBusy, error, run } = useAct();
  const add = async () => {
    if (!(await run(() => api.post<void>(`${sourcePath(source.id)}/endpoint`, { url: url.trim(), description: description.trim() })))) return;
    onClose();
    onDone();
  };
  return (
    <Dialog title={C.source.addEndpoint} onClose={onClose} onSubmit={add} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!url.trim()}>{C.common.create}</Button></>}>
      <Field label="URL"><Input type="url" mono value={url} onValue={setUrl} placeholder="https://" data-first="" /></Field>
      <Field label={C.common.description}><Input value={description} onValue={setDescription} /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function Head({ loaded, source, open }: { loaded: Loaded<Source>; source: Source; open: (act: Act) => void }): JSX.Element {
  const { isBusy, run } = useAct();
  const pauseTo = async (paused: boolean): Promise<void> => {
    loaded.set(await api.patch<Source>(sourcePath(source.id), { paused }));
    toast.say(paused ? C.source.pausedDone(source.name) : C.source.resumedDone(source.name), () => void pauseTo(!paused).catch(toast.fail));
  };
  return (
    <div class="ephead">
      <div class="grow">
        <div class="row gap-3 wrap"><h1><bdi>{source.name}</bdi></h1><SourceState source={source} /></div>
        <span class="row wrap gap-1 meta-line"><Id value={source.id} /><span class="muted">{source.type}</span></span>
      </div>
      <div class="row">
        <Button icon="flask" class="only-lg" onClick={() => open("try")}>{C.source.try}</Button>
        <Button needs="change" icon={source.paused ? "play" : "pause"} busy={isBusy} onClick={() => void run(() => pauseTo(!source.paused)).then((isDone) => !isDone && loaded.reload())}>{source.paused ? C.source.resume : C.source.pause}</Button>
        <Menu label={C.common.more}>
          <MenuItem icon="flask" onClick={() => open("try")}>{C.source.try}</MenuItem>
          <MenuItem needs="change" icon="retry" onClick={() => open("replay")}>{C.request.replayAllMenu}</MenuItem>
          <MenuItem needs="change" icon="key" onClick={() => open("secret")}>{C.source.rotateSecret}</MenuItem>
          <MenuItem needs="change" icon="link" onClick={() => open("url")}>{C.source.rotateUrl}</MenuItem>
          <hr />
          <MenuItem needs="change" icon="x" danger onClick={() => open("delete")}>{C.common.remove}</MenuItem>
        </Menu>
      </div>
    </div>
  );
}

function SourceFrame({ params, tab }: { params: Params; tab: SourceTab }): JSX.Element {
  const id = params["source"]!;
  const loaded = useLoad(`source ${id}`, (signal) => api.get<Source>(sourcePath(id), undefined, signal));
  const [act, open] = useOpen<Act>();
  const close = () => open(null);
  usePage(loaded.data?.name ?? "", [{ label: C.nav.sources, to: "/sources" }]);
  const base = `/sources/${part(id)}`;
  return (
    <Shown loaded={loaded}>
      {(source) => (
        <>
          <Head loaded={loaded} source={source} open={open} />
          {source.state === "pending" && <div class="note warn mb"><span class="grow">{C.source.pendingText}</span><Button needs="change" small onClick={() => open("secret")}>{C.source.giveSecret}</Button></div>}
          {source.paused && <div class="note mb">{C.source.paused}</div>}
          <SourceDay source={source.id} />
          <Tabs label={C.source.tabs} at={tab} tabs={[
            { key: "requests", label: C.source.requests, to: base },
            { key: "endpoints", label: C.source.endpoints, to: `${base}/endpoints` },
            { key: "changes", label: C.common.changes, to: `${base}/changes` },
            { key: "settings", label: C.source.settings, to: `${base}/settings` },
          ]} />
          {tab === "requests" && <Requests source={source} onSecret={() => open("secret")} onReplay={() => open("replay")} />}
          {tab === "endpoints" && <EndpointsTab source={source} />}
          {tab === "changes" && <Changes object={source.id} />}
          {tab === "settings" && <SettingsTab source={source} open={open} />}
          {act === "try" && <TryRequest source={source} onClose={close} />}
          {act === "url" && <RotateUrl source={source} onClose={close} onDone={loaded.reload} />}
          {act === "secret" && <NewSecret source={source} onClose={close} onDone={loaded.reload} />}
          {act === "replay" && <ReplayRefused source={source} onClose={close} onDone={loaded.reload} />}
          {act === "delete" && (
            <Confirm title={C.source.deleteTitle(source.name)} act={C.common.remove} danger typed={source.name} onClose={close} onConfirm={async () => { await api.del(sourcePath(id)); toast.say(C.source.deleted(source.name)); navigate("/sources"); }}>
              <p>{C.source.deleteText}</p>
            </Confirm>
          )}
        </>
      )}
    </Shown>
  );
}

export const SourcePage = ({ params }: { params: Params }): JSX.Element => <SourceFrame params={params} tab="requests" />;
export const SourceEndpointsPage = ({ params }: { params: Params }): JSX.Element => <SourceFrame params={params} tab="endpoints" />;
export const SourceChangesPage = ({ params }: { params: Params }): JSX.Element => <SourceFrame params={params} tab="changes" />;
export const SourceSettingsPage = ({ params }: { params: Params }): JSX.Element => <SourceFrame params={params} tab="settings" />;
