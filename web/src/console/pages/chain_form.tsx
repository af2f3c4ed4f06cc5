// SPDX-License-Identifier: Apache-2.0
// The settings of one filter, all thirteen of the Open edX plugin and ours beside them. What differs from what is saved
// has a mark.
import type { JSX } from "preact";
import { api, Button, Field, Input, may, Panel, part, Secret, Select } from "../../kit";
import { C } from "../../words/console_filters";
import { appPath } from "../common";
import type { Webfilter } from "../types";
import type { DraftFilter, Member } from "./chain_draft";
import type { Catalogue } from "./filters";

interface FormProps {
  app: string;
  filter: DraftFilter;
  saved: Webfilter | undefined;
  known: Catalogue["filters"][number] | undefined;
  onChange: (change: Partial<DraftFilter>) => void;
  onRemove: () => void;
}

type Put = FormProps["onChange"];

function HaltRow({ filter, label, halt, redirect, isChanged, canRedirect, onChange }: { filter: DraftFilter; label: string; halt: "haltOn4xx" | "haltOn5xx" | "haltOnRequestException"; redirect: "redirectOn4xx" | "redirectOn5xx" | "redirectOnRequestException"; isChanged: boolean; canRedirect: boolean; onChange: Put }): JSX.Element {
  const isOff = !filter[halt] || filter.disableHalt || !canRedirect;
  return (
    <div class={`hrow${isChanged ? " changed" : ""}`}>
      <label class="row"><span class="grow">{label}</span><input type="checkbox" class="sw" checked={filter[halt]} onChange={(event) => onChange({ [halt]: event.currentTarget.checked })} /></label>
      <Input mono type="url" aria-label={`${C.chain.redirectTo} ${label}`} value={isOff ? "" : filter[redirect]} placeholder={!canRedirect ? C.chain.noRedirect : !filter[halt] ? C.chain.notHalting : "https://"} disabled={isOff} onValue={(value) => onChange({ [redirect]: value })} />
    </div>
  );
}

function Switch({ label, hint, checked, isChanged, onValue }: { label: string; hint?: string; checked: boolean; isChanged: boolean; onValue: (on: boolean) => void }): JSX.Element {
  return (
    <label class={`setrow${isChanged ? " changed" : ""}`}>
      <span class="grow">{label}{hint && <span class="l2">{hint}</span>}</span>
      <input type="checkbox" class="sw" checked={checked} onChange={(event) => onValue(event.currentTarget.checked)} />
    </label>
  );
}

function NumberField({ label, hint, value, onValue }: { label: string; hint?: string; value: number; onValue: (value: number) => void }): JSX.Element {
  return <Field label={label} hint={hint}><Input type="number" min={0} value={String(value)} onValue={(text) => Number.isFinite(Number(text)) && onValue(Math.max(0, Math.round(Number(text))))} /></Field>;
}

export function FilterForm({ app, filter, saved, known, onChange, onRemove }: FormProps): JSX.Element {
  const differs = (...names: Member[]) => !!saved && names.some((name) => (filter[name] ?? "") !== (saved[name] ?? ""));
  const canRedirect = known?.canRedirect ?? true;
  return (
    <Panel title={<bdi>{filter.description || filter.url || C.chain.newName}</bdi>} actions={<Button needs="change" small kind="quiet" onClick={onRemove}>{filter.isGone ? C.chain.keepIt : C.chain.remove}</Button>}>
      <div class="body">
        <fieldset class="setgrid bare" disabled={!may("change")}>
          <div class="fields">
            <Field label={C.chain.description}><Input value={filter.description} onValue={(description) => onChange({ description })} /></Field>
            <Field label={C.chain.url}><Input mono type="url" value={filter.url} onValue={(url) => onChange({ url })} placeholder="https://" /></Field>
            <div class="two">
              <Field label={C.chain.mode} hint={C.chain.modeText[filter.mode]}><Select value={filter.mode} options={C.chain.modes} onValue={(mode) => onChange({ mode })} /></Field>
              <NumberField label={C.chain.answerWithin} value={filter.timeoutMs} onValue={(timeoutMs) => onChange({ timeoutMs })} />
            </div>
            <details class="fold-more">
              <summary>{C.chain.more}</summary>
              <div class="fields">
                <div class="two">
                  <NumberField label={C.chain.breaker} hint={C.chain.breakerHint} value={filter.breakerFailures} onValue={(breakerFailures) => onChange({ breakerFailures })} />
                  <NumberField label={C.chain.breakerMs} value={filter.breakerMs} onValue={(breakerMs) => onChange({ breakerMs })} />
                </div>
                <NumberField label={C.chain.cache} hint={C.chain.cacheHint} value={filter.cacheSeconds} onValue={(cacheSeconds) => onChange({ cacheSeconds })} />
                {!filter.isNew && <div class="field"><span>{C.chain.secret}</span><Secret needs="secrets" label={C.chain.secret} load={async () => (await api.get<{ key: string }>(`${appPath(app)}/filter/${part(filter.id)}/secret`)).key} /></div>}
              </div>
            </details>
          </div>
          <div>
            <div class="hhead label"><span>{C.chain.haltOn}</span><span>{C.chain.redirectTo}</span></div>
            <HaltRow filter={filter} label={C.chain.c4xx} halt="haltOn4xx" redirect="redirectOn4xx" isChanged={differs("haltOn4xx", "redirectOn4xx")} canRedirect={canRedirect} onChange={onChange} />
            <HaltRow filter={filter} label={C.chain.c5xx} halt="haltOn5xx" redirect="redirectOn5xx" isChanged={differs("haltOn5xx", "redirectOn5xx")} canRedirect={canRedirect} onChange={onChange} />
            <HaltRow filter={filter} label={C.chain.noAnswer} halt="haltOnRequestException" redirect="redirectOnRequestException" isChanged={differs("haltOnRequestException", "redirectOnRequestException")} canRedirect={canRedirect} onChange={onChange} />
            <div class="sets">
              <Switch label={C.chain.enabled} checked={filter.enabled} isChanged={differs("enabled")} onValue={(enabled) => onChange({ enabled })} />
              <Switch label={C.chain.disableFiltering} hint={C.chain.disableFilteringHint} checked={filter.disableFiltering} isChanged={differs("disableFiltering")} onValue={(disableFiltering) => onChange({ disableFiltering })} />
              <Switch label={C.chain.disableHalt} hint={C.chain.disableHaltHint} checked={filter.disableHalt} isChanged={differs("disableHalt")} onValue={(disableHalt) => onChange({ disableHalt })} />
              <Switch label={C.chain.failClosed} hint={C.chain.failClosedHint} checked={filter.failClosed} isChanged={differs("failClosed")} onValue={(failClosed) => onChange({ failClosed })} />
              <Switch label={C.chain.form} checked={filter.encoding === "form"} isChanged={differs("encoding")} onValue={(isForm) => onChange({ encoding: isForm ? "form" : "json" })} />
            </div>
          </div>
        </fieldset>
      </div>
    </Panel>
  );
}
