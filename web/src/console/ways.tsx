// SPDX-License-Identifier: Apache-2.0
// Signing in by what somebody else says: an OpenID provider, or a proxy in front of the server. The server does all of
// it; the page leads there, and has the words for what comes of it.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { api, basePath, Icon } from "../kit";
import { C } from "../words/console";

const OIDC = "/console/api/oidc";

/** How one can sign in beside tokens and passwords. */
export interface Ways {
  openIdConnect: { name: string; signsOut: boolean } | null;
  proxy: { name: string } | null;
}

export const ways = signal<Ways | null>(null);
/** Signed out here, but not at the provider. */
export const mayEndThere = signal(false);

/** Without them there is still the form: a failure is no reason to show nothing. */
export async function loadWays(): Promise<Ways | null> {
  try {
    ways.value = await api.get<Ways>("/console/api/ways");
  } catch {
    ways.value = null;
  }
  return ways.value;
}

type Word = keyof typeof C.signIn.refused;
const refusal = signal<Word | null>(null);

/** Why the provider's word did not let somebody in, if the address says so. */
export function takeRefusal(hash: string): boolean {
  const word = /^#refused=(\w+)$/.exec(hash)?.[1];
  if (!word) return false;
  refusal.value = Object.hasOwn(C.signIn.refused, word) ? (word as Word) : "token";
  return true;
}

export function Refused(): JSX.Element | null {
  const word = refusal.value;
  return word && <div class="note fail" role="alert"><Icon name="alarm" /><span class="grow">{C.signIn.refused[word]}</span></div>;
}

function startAddress(): string {
  const next = window.location.pathname + window.location.search;
  return `${basePath()}${OIDC}/start?next=${encodeURIComponent(next)}`;
}

/** Leads to the provider. In a tab of its own where this page holds what somebody typed. */
export function ProviderLink({ isApart }: { isApart?: boolean }): JSX.Element | null {
  const provider = ways.value?.openIdConnect;
  if (!provider) return null;
  return (
    <a class="btn primary" href={startAddress()} target={isApart ? "_blank" : "_self"} rel="noreferrer">
      {C.signIn.with(provider.name)}{isApart && <Icon name="ext" small />}
    </a>
  );
}

/** Between that and the form. */
export function Or(): JSX.Element | null {
  return ways.value?.openIdConnect ? <p class="signin-or muted"><span>{C.signIn.or}</span></p> : null;
}

/** After signing out here. */
export function EndThere(): JSX.Element | null {
  const provider = ways.value?.openIdConnect;
  if (!mayEndThere.value || !provider?.signsOut) return null;
  return (
    <div class="note signin-out" role="status">
      <span class="grow">{C.signIn.outHere}</span>
      <a class="btn s" href={`${basePath()}${OIDC}/end`} target="_self" rel="noreferrer">{C.signIn.endThere(provider.name)}</a>
    </div>
  );
}

/** Calls `look` whenever the window is looked at again: somebody may have signed in elsewhere meanwhile. */
export function useReturn(look: () => void): void {
  useEffect(() => {
    addEventListener("focus", look);
    return () => removeEventListener("focus", look);
  }, []);
}
