// SPDX-License-Identifier: Apache-2.0
// The frame of all pages: what stands above them, and which page an address shows.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { addressOf } from "../kit/api";
import { Icon } from "../kit/icons";
import { Link, match, path } from "../kit/router";
import { webAddress } from "../kit/safe";
import { isDark, theme, toggleTheme } from "../kit/theme";
import { Toasts } from "../kit/toast";
import { Button, Empty, ErrorPanel, IconButton, LinkButton, Skel } from "../kit/ui";
import { EndpointsPage } from "./endpoints";
import type { Wishes } from "./host";
import { lazy } from "./lazy";
import { failure, isHidden, may, phase, retrySession, session, type Phase } from "./session";
import { P } from "./words";

const CataloguePage = lazy(() => import("./catalogue").then((page) => page.CataloguePage));
const EventTypePage = lazy(() => import("./catalogue").then((page) => page.EventTypePage));
const EndpointPage = lazy(() => import("./endpoint").then((page) => page.EndpointPage));
const MessagesPage = lazy(() => import("./messages").then((page) => page.MessagesPage));
const MessagePage = lazy(() => import("./messages").then((page) => page.MessagePage));
const SourcePage = lazy(() => import("./source").then((page) => page.SourcePage));

type Route = readonly [pattern: string, page: (params: Record<string, string>) => JSX.Element];

const ROUTES: readonly Route[] = [
  ["/", () => <EndpointsPage />],
  ["/endpoints", () => <EndpointsPage />],
  ["/endpoints/new", () => <EndpointsPage isNew />],
  ["/endpoints/:id", ({ id }) => <EndpointPage key={id} id={id!} />],
  ["/endpoints/:id/created", ({ id }) => <EndpointPage key={`${id} new`} id={id!} isCreated />],
  ["/messages", () => <MessagesPage />],
  ["/messages/:id", ({ id }) => <MessagePage key={id} id={id!} />],
  ["/event-types", () => <CataloguePage />],
  ["/event-types/:name", ({ name }) => <EventTypePage key={name} name={name!} />],
];

function Page(): JSX.Element {
  if (session.value!.sourceId) return <SourcePage id={session.value!.sourceId} />;
  const isCatalogue = path.value.startsWith("/event-types");
  for (const [pattern, page] of isCatalogue && isHidden("catalogue") ? [] : ROUTES) {
    const params = match(pattern, path.value);
    if (params) return page(params);
  }
  return <Empty title={P.notFound.title} art="broken" actions={<LinkButton to="/endpoints">{P.notFound.back}</LinkButton>}>{P.notFound.more}</Empty>;
}

/** The host's picture: the operator's own, or one that the operator allows links to bring. */
function Logo({ wishes }: { wishes: Wishes }): JSX.Element | null {
  const { logo, iconOrigins } = session.value!.config;
  const wished = webAddress(wishes.icon ?? "");
  const isAllowed = !!wished && !!iconOrigins?.includes(new URL(wished).origin);
  const source = isAllowed ? wished : logo ? addressOf(logo) : null;
  return source ? <img class="hostlogo" src={source} alt="" /> : null;
}

function Navigation({ wishes }: { wishes: Wishes }): JSX.Element {
  const at = path.value;
  const here = (prefix: string): "page" | undefined => (at.startsWith(prefix) || (prefix === "/endpoints" && at === "/") ? "page" : undefined);
  const help = session.value!.config.supportUrl ?? "";
  const support = help.startsWith("mailto:") ? help : webAddress(help);
  const isSource = !!session.value!.sourceId;
  return (
    <div class="phead2">
      <Logo wishes={wishes} />
      <nav class="ptabs tabs" aria-label={P.nav.label}>
        {!isSource && (
          <>
            <Link to="/endpoints" aria-current={here("/endpoints")}>{P.nav.endpoints}</Link>
            <Link to="/messages" aria-current={here("/messages")}>{P.nav.messages}</Link>
            {!isHidden("catalogue") && <Link to="/event-types" aria-current={here("/event-types")}>{P.nav.types}</Link>}
          </>
        )}
        {support && <a class="end" href={support} target="_blank" rel="noopener noreferrer">{P.nav.support}<Icon name="ext" small /></a>}
      </nav>
      {wishes.theme === null && <IconButton small name="sun" label={isDark() ? P.nav.light : P.nav.dark} onClick={toggleTheme} />}
    </div>
  );
}

const WORDS: Record<Exclude<Phase, "opening" | "open" | "failed">, readonly [string, string]> = {
  none: [P.start.none, P.start.noneMore],
  used: [P.start.used, P.start.usedMore],
  expired: [P.start.expired, P.start.expiredMore],
};

/** Before there is a session, and when there is none any more. */
function Outside({ onOpen }: { onOpen: () => void }): JSX.Element {
  const now = phase.value;
  if (now === "opening") return <main class="outside" id="main" aria-busy="true"><h1 class="sr">{P.title}</h1><p class="sr" role="status">{P.start.opening}</p><Skel w={5} /></main>;
  if (now === "failed") return <main class="outside" id="main"><h1>{P.start.failed}</h1><ErrorPanel error={failure.value} onRetry={() => void retrySession(onOpen)} /></main>;
  const [title, more] = WORDS[now as keyof typeof WORDS];
  return (
    <main class="outside" id="main">
      <Icon name="link" />
      <h1>{title}</h1>
      <p class="soft" role="status">{more}</p>
      {now === "expired" && <Button onClick={() => location.reload()}>{P.start.reload}</Button>}
    </main>
  );
}

/** Whether the link lets its reader change nothing at all. */
function mayOnlyLook(): boolean {
  return !may("ManageEndpoint") && !may("CreateAttempts") && !may("ManageEndpointSecret") && !may("ManageTransformations");
}

export function Shell({ wishes, onOpen }: { wishes: Wishes; onOpen: () => void }): JSX.Element {
  void theme.value; // the button's word follows it
  useEffect(() => { document.title = P.title; }, []);
  if (phase.value !== "open") return <div class="portal"><Outside onOpen={onOpen} /></div>;
  return (
    <div class="portal">
      <a class="btn skip" href="#main">{P.skip}</a>
      {!wishes.hidesNavigation && <Navigation wishes={wishes} />}
      {mayOnlyLook() && <p class="hint onlylook">{P.readOnly}</p>}
      <main id="main" class="main-p" tabIndex={-1} key={session.value!.serial}><Page /></main>
      <Toasts />
    </div>
  );
}
