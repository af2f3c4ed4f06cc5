// SPDX-License-Identifier: Apache-2.0
// Who is signed in. The session itself is a cookie that scripts cannot read; what they must send beside it is told by
// the server and kept in memory only.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, ApiError, Button, Dialog, ErrorPanel, Field, Input, Logo, Seg, setCredentials, setLostHandler, setRights, toast, useAct, Wordmark, type Need } from "../kit";
import { C } from "../words/console";
import { EndThere, loadWays, mayEndThere, Or, ProviderLink, Refused, takeRefusal, useReturn, ways } from "./ways";

const SESSION = "/console/api/session";

/** Who is signed in. */
export interface Who {
  kind: string;
  name: string;
  organisationId: string;
  role: string | null;
  readOnly: boolean;
  expiresAt: string | null;
  version: string;
  serverTime: string;
}

/** What the server tells of the session. */
interface Session {
  signedIn: boolean;
  csrf?: string;
  who?: Who;
  /** How it was opened, in the server's word. */
  how?: string;
  isUser?: boolean;
  isOperator?: boolean;
}

export type SessionState = "asking" | "out" | "in" | "lost";

export const sessionState = signal<SessionState>("asking");
export const who = signal<Who | null>(null);
export const session = signal<Session | null>(null);
const problem = signal<unknown>(null);
/** The provider has just said no: the reason is to be read, not tried again. */
let wasRefused = false;
let onBack: ((isBack: boolean) => void) | null = null;

/** Takes the one-time code out of the address, so that it is neither kept in the history nor sent on. */
function takeCode(): string | null {
  const found = /^#login=([\w-]+)$/.exec(window.location.hash);
  wasRefused = takeRefusal(window.location.hash);
  if (window.location.hash) history.replaceState(null, "", window.location.pathname + window.location.search);
  return found?.[1] ?? null;
}

/** As the server judges it: see the roles in docs/guide/console.md. */
function rightsOf(me: Who | undefined): Need[] {
  if (!me || me.role === "viewer") return [];
  if (me.readOnly) return ["secrets"];
  return me.role === "operator" ? ["change", "secrets"] : ["change", "secrets", "access"];
}

function begin(next: Session): boolean {
  if (!next.signedIn || !next.csrf) return false;
  setCredentials({ kind: "cookie", csrf: next.csrf });
  problem.value = null;
  session.value = next;
  who.value = next.who ?? null;
  setRights(rightsOf(next.who));
  mayEndThere.value = false;
  sessionState.value = "in";
  return true;
}

/** Goes on with the session that somebody opened in another tab; false: it is still the one there was. */
export async function takeNewSession(): Promise<boolean> {
  const now = await api.get<Session>(SESSION).catch(() => null);
  return !!now && now.csrf !== session.value?.csrf && begin(now);
}

/** Asks for the session there is, or makes one of the code in the address. */
export async function startSession(): Promise<void> {
  setLostHandler(waitForSession);
  const code = takeCode();
  try {
    if (code && begin(await api.post<Session>(SESSION, { code }))) return;
  } catch (error) {
    const isUsed = error instanceof ApiError && error.status === 401;
    problem.value = isUsed ? new ApiError(error.status, error.code, C.signIn.codeUsed, error.requestId) : error;
  }
  try {
    if (begin(await api.get<Session>(SESSION))) return;
    if ((await loadWays())?.proxy && !wasRefused && !problem.value && begin(await api.post<Session>(`${SESSION}/proxy`))) return;
    sessionState.value = "out";
  } catch (error) {
    problem.value = error;
    sessionState.value = "out";
  }
}

/** The page stays as it is; a dialog asks for the sign-in, and the call that failed is made again. */
function waitForSession(): Promise<boolean> {
  sessionState.value = "lost";
  void loadWays();
  return new Promise((resolve) => (onBack = resolve));
}

function goOn(next: Session): void {
  if (!begin(next)) return;
  onBack?.(true);
  onBack = null;
}

async function signIn(body: Record<string, string>): Promise<void> {
  setCredentials({ kind: "none" });
  goOn(await api.post<Session>(SESSION, body));
}

async function signInByProxy(): Promise<void> {
  setCredentials({ kind: "none" });
  goOn(await api.post<Session>(`${SESSION}/proxy`));
}

/** Somebody may have signed in in another tab. */
async function lookAgain(): Promise<void> {
  if (sessionState.value === "in") return;
  try {
    goOn(await api.get<Session>(SESSION));
  } catch {
    // The form is still there.
  }
}

export async function signOut(): Promise<void> {
  try {
    await api.del(SESSION);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) return toast.fail(error);
  }
  setCredentials({ kind: "none" });
  who.value = null;
  mayEndThere.value = session.value?.how === "oidc";
  await loadWays();
  sessionState.value = "out";
}

type Way = "token" | "name";

function useSignIn(): { way: Way; setWay: (way: Way) => void; fields: JSX.Element; error: unknown; isBusy: boolean; submit: () => void } {
  const [way, setWay] = useState<Way>("token");
  const [token, setToken] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const { isBusy, error, run } = useAct();
  const submit = () => {
    const body: Record<string, string> = way === "token" ? { token: token.trim() } : { name, password, ...(code ? { otp: code.trim() } : {}) };
    void run(() => signIn(body)).then(() => setPassword(""));
  };
  const fields = way === "token" ? (
    <Field label={C.signIn.tokenLabel} hint={C.signIn.tokenHint}>
      <Input type="password" mono value={token} onValue={setToken} name="token" data-first="" autocomplete="off" />
    </Field>
  ) : (
    <>
      <Field label={C.signIn.nameLabel}><Input value={name} onValue={setName} name="username" autocomplete="username" data-first="" /></Field>
      <Field label={C.signIn.password}><Input type="password" value={password} onValue={setPassword} name="password" autocomplete="current-password" /></Field>
      <Field label={C.signIn.code} hint={C.signIn.codeHint}><Input value={code} onValue={setCode} inputmode="numeric" autocomplete="one-time-code" maxLength={8} /></Field>
    </>
  );
  return { way, setWay, fields, error, isBusy, submit };
}

function Ways({ way, setWay }: { way: Way; setWay: (way: Way) => void }): JSX.Element {
  return <Seg label={C.signIn.title} value={way} onChange={setWay} options={[["token", C.signIn.token], ["name", C.signIn.name]]} />;
}

/** The proxy has said who it is already. */
function ProxyButton(): JSX.Element | null {
  const { isBusy, error, run } = useAct();
  const proxy = ways.value?.proxy;
  if (!proxy) return null;
  return (
    <>
      <Button kind="primary" busy={isBusy} onClick={() => void run(signInByProxy)}><bdi>{C.signIn.as(proxy.name)}</bdi></Button>
      {error != null && <ErrorPanel error={error} />}
    </>
  );
}

/** The page of whoever is not signed in. */
export function SignIn(): JSX.Element {
  const { way, setWay, fields, error, isBusy, submit } = useSignIn();
  useEffect(() => {
    document.title = C.title(C.signIn.title);
  }, []);
  const shown = error ?? problem.value;
  return (
    <main class="signin" id="main" tabIndex={-1}>
      <div class="signin-brand"><Logo /><Wordmark /></div>
      <form class="panel signin-box" onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <h1>{C.signIn.title}</h1>
        <Refused />
        <EndThere />
        <ProxyButton />
        <ProviderLink />
        <Or />
        <Ways way={way} setWay={setWay} />
        {fields}
        {shown != null && <ErrorPanel error={shown} />}
        <Button kind={ways.value?.openIdConnect ? undefined : "primary"} type="submit" busy={isBusy}>{C.signIn.act}</Button>
      </form>
      <p class="muted signin-hint">{C.signIn.link}</p>
    </main>
  );
}

/** Over the page, when the session ended while somebody worked. */
export function SignInAgain(): JSX.Element {
  const { way, setWay, fields, error, isBusy, submit } = useSignIn();
  useReturn(() => void lookAgain());
  return (
    <Dialog title={C.signIn.lost} onClose={() => undefined} isModal onSubmit={submit} footer={<Button kind="primary" type="submit" busy={isBusy}>{C.signIn.act}</Button>}>
      <p>{C.signIn.lostText}</p>
      <ProxyButton />
      <ProviderLink isApart />
      <Or />
      <Ways way={way} setWay={setWay} />
      {fields}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
