// SPDX-License-Identifier: Apache-2.0
// The headers that an endpoint's deliveries carry. Values that look like secrets are told by nobody, so they can only
// be replaced.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Dialog, Empty, ErrorPanel, Field, Icon, Input, may, toast, useAct, type Loaded } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_delivery";
import { Shown } from "../common";
import type { Headers } from "../types";

function HeaderDialog({ path, name: known, onClose, onDone }: { path: string; name?: string; onClose: () => void; onDone: () => void }): JSX.Element {
  const [name, setName] = useState(known ?? "");
  const [value, setValue] = useState("");
  const { isBusy, error, run } = useAct();
  const save = async () => {
    if (!(await run(() => api.patch<void>(`${path}/headers`, { headers: { [name.trim()]: value } })))) return;
    toast.say(C.common.saved);
    onClose();
    onDone();
  };
  return (
    <Dialog title={C.endpoint.headerAdd} onClose={onClose} onSubmit={save} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!name.trim()}>{C.common.save}</Button></>}>
      <Field label={C.endpoint.headerName}><Input mono value={name} onValue={setName} disabled={known !== undefined} data-first={known === undefined ? "" : undefined} /></Field>
      <Field label={C.endpoint.headerValue}><Input mono value={value} onValue={setValue} data-first={known === undefined ? undefined : ""} /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

interface Row {
  name: string;
  value: string | null;
}

export function EndpointHeaders({ path, loaded }: { path: string; loaded: Loaded<Headers> }): JSX.Element {
  const [editing, setEditing] = useState<{ name?: string } | null>(null);
  const remove = async (name: string) => {
    try {
      await api.patch(`${path}/headers`, { headers: { [name]: null } });
      loaded.reload();
    } catch (error) {
      toast.fail(error);
    }
  };
  return (
    <>
      <div class="filters row wrap"><span class="muted grow">{C.endpoint.headersText}</span><Button needs="change" small icon="plus" onClick={() => setEditing({})}>{C.endpoint.headerAdd}</Button></div>
      <Shown loaded={loaded}>
        {(data) => {
          const rows: Row[] = [...Object.entries(data.headers).map(([name, value]) => ({ name, value })), ...data.sensitive.map((name) => ({ name, value: null }))];
          if (!rows.length) return <div class="panel"><Empty title={C.endpoint.headersNone}>{C.endpoint.headersNoneText}</Empty></div>;
          return (
            <div class="panel flush inset clipx">
              <table class="tbl" aria-label={C.endpoint.headers}>
                <thead><tr><th scope="col">{C.endpoint.headerName}</th><th scope="col">{C.endpoint.headerValue}</th><th><span class="sr">{C.common.more}</span></th></tr></thead>
                <tbody>
                  {rows.map(({ name, value }) => (
                    <tr key={name}>
                      <td><bdi class="mono">{name}</bdi></td>
                      <td>{value === null ? <span class="muted">{C.endpoint.headerHidden}</span> : <bdi class="mono">{value}</bdi>}</td>
                      <td class="num"><span class="row gap-1 endcell"><Button needs="change" small kind="quiet" onClick={() => setEditing({ name })}>{C.common.edit}</Button>{may("change") && <button type="button" class="copy shown" aria-label={C.endpoint.headerRemove(name)} title={C.endpoint.headerRemove(name)} onClick={() => void remove(name)}><Icon name="x" small /></button>}</span></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          );
        }}
      </Shown>
      {editing && <HeaderDialog path={path} name={editing.name} onClose={() => setEditing(null)} onDone={loaded.reload} />}
    </>
  );
}
