// SPDX-License-Identifier: Apache-2.0
// Saved views: a page with its filters under a name, for oneself or for everybody. They are opened from the head of
// every page and from the search.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Check, Confirm, Dialog, Empty, ErrorPanel, Field, Input, Link, Menu, MenuItem, navigate, part, path, query, toast, useAct, useLoad, type List } from "../kit";
import { W } from "../words/en";
import { C } from "../words/console";

export interface SavedView {
  id: string;
  name: string;
  page: string;
  query: string;
  shared: boolean;
}

const VIEWS = "/api/v1/view";

/** An organisation has at most 100, so they are one page; null: not asked for yet. */
export const views = signal<SavedView[] | null>(null);

export async function loadViews(): Promise<void> {
  const list = await api.get<List<SavedView>>(VIEWS, { limit: 250 });
  views.value = [...list.data].sort((a, b) => a.name.localeCompare(b.name));
}

export function viewTo(view: SavedView): string {
  return view.page + (view.query ? `?${view.query}` : "");
}

/** What one looks at: the filters, but not how far one has paged. */
function present(): { page: string; query: string } {
  const filters = new URLSearchParams(query.value);
  filters.delete("iterator");
  return { page: path.value, query: filters.toString() };
}

function SaveView({ onClose }: { onClose: () => void }): JSX.Element {
  const [now] = useState(present);
  const [name, setName] = useState("");
  const [isShared, setShared] = useState(false);
  const { isBusy, error, run } = useAct();
  const save = async () => {
    if (!name.trim() || !(await run(async () => { await api.post(VIEWS, { ...now, name: name.trim(), shared: isShared }); await loadViews(); }))) return;
    toast.say(C.views.saved(name.trim()));
    onClose();
  };
  return (
    <Dialog title={C.views.save} onClose={onClose} onSubmit={save} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!name.trim()}>{C.common.save}</Button></>}>
      <p class="mono wrapcode"><bdi>{now.page}{now.query && `?${now.query}`}</bdi></p>
      <Field label={C.common.name}><Input value={name} onValue={setName} maxLength={100} data-first="" /></Field>
      <Check checked={isShared} onValue={setShared}>{C.views.share}</Check>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

const LISTED = 12;

export function ViewsMenu(): JSX.Element {
  const [isSaving, setSaving] = useState(false);
  const shown = [...(views.value ?? [])].sort((a, b) => Number(b.page === path.value) - Number(a.page === path.value)).slice(0, LISTED);
  return (
    <>
      <Menu label={C.views.title} icon="book" onOpen={() => void loadViews().catch(toast.fail)}>
        {shown.map((view) => <MenuItem icon={view.shared ? "apps" : "book"} onClick={() => navigate(viewTo(view))}><bdi class="trunc">{view.name}</bdi></MenuItem>)}
        {views.value?.length === 0 && <p class="hint menuhint">{C.views.none}</p>}
        <hr />
        <MenuItem needs="change" icon="plus" onClick={() => setSaving(true)}>{C.views.save}</MenuItem>
        <MenuItem icon="gear" onClick={() => navigate("/settings")}>{C.views.all}</MenuItem>
      </Menu>
      {isSaving && <SaveView onClose={() => setSaving(false)} />}
    </>
  );
}

function EditView({ view, onClose }: { view: SavedView; onClose: () => void }): JSX.Element {
  const [name, setName] = useState(view.name);
  const [isShared, setShared] = useState(view.shared);
  const { isBusy, error, run } = useAct();
  const save = async () => {
    if (!name.trim() || !(await run(async () => { await api.patch(`${VIEWS}/${part(view.id)}`, { name: name.trim(), shared: isShared }); await loadViews(); }))) return;
    toast.say(C.common.saved);
    onClose();
  };
  return (
    <Dialog title={C.views.edit} onClose={onClose} onSubmit={save} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!name.trim()}>{C.common.save}</Button></>}>
      <Field label={C.common.name}><Input value={name} onValue={setName} maxLength={100} data-first="" /></Field>
      <Check checked={isShared} onValue={setShared}>{C.views.share}</Check>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

/** All of them, to rename, share and delete. */
export function ViewsList(): JSX.Element {
  const loaded = useLoad("views", loadViews);
  const [act, setAct] = useState<{ view: SavedView; what: "edit" | "delete" } | null>(null);
  const remove = async (view: SavedView) => {
    await api.del(`${VIEWS}/${part(view.id)}`);
    toast.say(C.views.deleted(view.name));
    await loadViews();
  };
  return (
    <>
      {loaded.error != null && <ErrorPanel error={loaded.error} onRetry={loaded.reload} />}
      {views.value?.length === 0 && <Empty title={C.views.none}>{C.views.noneText}</Empty>}
      {!!views.value?.length && (
        <ul class="viewlist">
          {views.value.map((view) => (
            <li class="row" key={view.id}>
              <span class="grow"><Link class="main-link" to={viewTo(view)}><bdi>{view.name}</bdi></Link><span class="l2 mono trunc"><bdi>{viewTo(view)}</bdi></span></span>
              <span class="muted">{view.shared ? C.views.shared : C.views.own}</span>
              <Button needs="change" small kind="quiet" aria-label={C.views.rename(view.name)} onClick={() => setAct({ view, what: "edit" })}>{C.common.edit}</Button>
              <Button needs="change" small kind="quiet" aria-label={C.views.remove(view.name)} onClick={() => setAct({ view, what: "delete" })}>{C.common.remove}</Button>
            </li>
          ))}
        </ul>
      )}
      {act?.what === "edit" && <EditView view={act.view} onClose={() => setAct(null)} />}
      {act?.what === "delete" && <Confirm title={C.views.remove(act.view.name)} act={C.common.remove} danger onClose={() => setAct(null)} onConfirm={() => remove(act.view)}><p>{act.view.shared ? C.views.removeShared : C.views.removeOwn}</p></Confirm>}
    </>
  );
}
