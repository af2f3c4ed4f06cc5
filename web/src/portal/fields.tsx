// SPDX-License-Identifier: Apache-2.0
// What an endpoint is made of, for the form that adds one and the page that changes it.
import type { JSX } from "preact";
import { ApiError, type Endpoint, type EventType, Field, Input, isHidden } from "./common";
import { TypeTree } from "./tree";
import { M } from "./words-more";

/** As typed. */
export interface Draft {
  url: string;
  description: string;
  types: ReadonlySet<string>;
  channels: string;
  rate: string;
}

export function draftOf(endpoint?: Endpoint, type?: string | null): Draft {
  return {
    url: endpoint?.url ?? "",
    description: endpoint?.description ?? "",
    types: new Set(endpoint ? endpoint.eventTypes ?? [] : type ? [type] : []),
    channels: (endpoint?.channels ?? []).join(", "),
    rate: endpoint?.throttleRate ? String(endpoint.throttleRate) : "",
  };
}

function channelsOf(text: string): string[] | null {
  const list = text.split(",").map((one) => one.trim()).filter((one) => one !== "");
  return list.length ? list : null;
}

/** What the API is told; for a change only what differs. */
export function bodyOf(draft: Draft, before?: Endpoint): Partial<Endpoint> {
  const was = draftOf(before), body: Partial<Endpoint> = {};
  const isSame = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => a.size === b.size && [...a].every((one) => b.has(one));
  if (!before || draft.url.trim() !== was.url) body.url = draft.url.trim();
  if (draft.description.trim() !== was.description) body.description = draft.description.trim();
  if (!isSame(draft.types, was.types)) body.eventTypes = draft.types.size ? [...draft.types].sort() : null;
  if (draft.channels !== was.channels) body.channels = channelsOf(draft.channels);
  if (draft.rate !== was.rate) body.throttleRate = draft.rate.trim() ? Number(draft.rate) : null;
  return body;
}

/** What is wrong before anybody is asked: the field, and the words. */
export function mistakesOf(draft: Draft): Record<string, string> {
  const found: Record<string, string> = {};
  const url = draft.url.trim();
  if (!url) found["url"] = M.form.needUrl;
  else if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/]+/i.test(url)) found["url"] = M.form.badUrl;
  if (draft.rate.trim() && !/^[1-9][0-9]*$/.test(draft.rate.trim())) found["throttleRate"] = M.settings.rateBad;
  return found;
}

/** What the server found wrong, by field; the others are shown as a whole. */
export function mistakesFrom(error: unknown): Record<string, string> {
  if (!(error instanceof ApiError)) return {};
  return Object.fromEntries(error.fields.map((one) => [one.field.split(".")[0]!, one.message]));
}

interface FieldsProps {
  draft: Draft;
  onChange: (draft: Draft) => void;
  types: readonly EventType[];
  mistakes: Record<string, string>;
  /** Channels and limit, too: not for the first endpoint of somebody who has never heard of them. */
  isWhole?: boolean;
}

export function EndpointFields({ draft, onChange, types, mistakes, isWhole }: FieldsProps): JSX.Element {
  const set = <K extends keyof Draft>(name: K, value: Draft[K]): void => onChange({ ...draft, [name]: value });
  const isPlain = /^http:\/\//i.test(draft.url.trim());
  return (
    <>
      <Field label={M.form.url} hint={isPlain ? M.form.urlPlain : M.form.urlHint} error={mistakes["url"]}>
        <Input type="url" inputmode="url" value={draft.url} onValue={(url) => set("url", url)} bad={!!mistakes["url"]} placeholder="https://example.com/webhooks" required data-first="" spellcheck={false} />
      </Field>
      <Field label={<>{M.form.description} <span class="muted normal">{M.form.optional}</span></>} hint={M.form.descriptionHint} error={mistakes["description"]}>
        <Input value={draft.description} onValue={(text) => set("description", text)} bad={!!mistakes["description"]} maxLength={512} />
      </Field>
      <TypeTree types={types} chosen={draft.types} onChange={(chosen) => set("types", chosen)} />
      {mistakes["eventTypes"] && <p class="err" role="alert">{mistakes["eventTypes"]}</p>}
      {isWhole && !isHidden("channels") && (
        <Field label={M.settings.channels} hint={M.settings.channelsHint} error={mistakes["channels"]}>
          <Input value={draft.channels} onValue={(text) => set("channels", text)} bad={!!mistakes["channels"]} />
        </Field>
      )}
      {isWhole && !isHidden("throttle") && (
        <Field label={M.settings.rate} hint={M.settings.rateHint} error={mistakes["throttleRate"]} class="short">
          <Input value={draft.rate} onValue={(text) => set("rate", text)} bad={!!mistakes["throttleRate"]} inputmode="numeric" />
        </Field>
      )}
    </>
  );
}
