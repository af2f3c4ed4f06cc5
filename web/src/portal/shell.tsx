// SPDX-License-Identifier: Apache-2.0
// The frame of all pages: what stands above them, and which page an address shows.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { addressOf, clockSkewMs } from "../kit/api";
import { duration, zone, zoneName } from "../kit/format";
import { Icon } from "../kit/icons";
import { bindKeys } from "../kit/keys";
import { Link, match, navigate, path } from "../kit/router";
import { webAddress } from "../kit/safe";
import { isDark, theme, toggleTheme } from "../kit/theme";
import { Toasts } from "../kit/toast";
import { Button, Empty, ErrorPanel, IconButton, LinkButton, Skel } from "../kit/ui";
import { EndpointsPage } from "./endpoints";
import { isFramed, type Wishes } from "./host";
import { lazy } from "./lazy";
import { failure, isHidden, may, phase, retrySession, session, type Phase } from "./session";
import { P } from "./words";

const ActivityPage = lazy(() => import("./activity").then((page) => page.ActivityPage));
const LivePage = lazy(() => import("./activity").then((page) => page.LivePage));
const CataloguePage = lazy(() => import("./catalogue").then((page) => page.CataloguePage));
const EventTypePage = lazy(() => import("./catalogue").then((page) => page.EventTypePage));
const EndpointPage = lazy(() => import("./endpoint").then((page) => page.EndpointPage));
const MessagesPage = lazy(() => import("./messages").then((page) => page.MessagesPage));
const MessagePage = lazy(() => import("./messages").then((page) => page.MessagePage));
const PlaygroundPage = lazy(() => import("./playground").then((page) => page.PlaygroundPage));
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
  ["/activity", () => <ActivityPage />],
  ["/live", () => <LivePage />],
  ["/playground", () => <PlaygroundPage />],
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

/** Alone the page says whose it is; in a frame the host around it does. */
function Owner({ wishes }: { wishes: Wishes }): JSX.Element {
  const { name } = session.value!.config;
  return (
    <>
      <Logo wishes={wishes} />
      {!isFramed && name && <span class="hostname"><bdi>{name}</bdi></span>}
    </>
  );
}

function Navigation({ wishes }: { wishes: Wishes }): JSX.Element {
  const at = path.value;
  const here = (prefix: string): "page" | undefined => (at.startsWith(prefix) || (prefix === "/endpoints" && at === "/") ? "page" : undefined);
  const help = session.value!.config.supportUrl ?? "";
  const support = help.startsWith("mailto:") ? help : webAddress(help);
  const isSource = !!session.value!.sourceId;
  return (
    <div class="phead2">
      <Owner wishes={wishes} />
      <nav class="ptabs tabs" aria-label={P.nav.label}>
        {!isSource && (
          <>
            <Link to="/endpoints" aria-current={here("/endpoints")}>{P.nav.endpoints}</Link>
            <Link to="/messages" aria-current={here("/messages")}>{P.nav.messages}</Link>
            {!isHidden("catalogue") && <Link to="/event-types" aria-current={here("/event-types")}>{P.nav.types}</Link>}
            <Link to="/activity" aria-current={here("/activity") ?? here("/live")}>{P.nav.activity}</Link>
            <Link to="/playground" aria-current={here("/playground")}>{P.nav.playground}</Link>
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

const SKEW_SAID_MS = 5000;

/** Two clocks that differ make "since 14:02" a riddle. */
function Skew(): JSX.Element | null {
  const skew = clockSkewMs.value;
  if (skew === null || Math.abs(skew) < SKEW_SAID_MS) return null;
  return <p class="note warn onlylook" role="status"><Icon name="clock" /><span>{P.skew(duration(skew))}</span></p>;
}

/** What the window is called: the part of the portal, and nothing that strangers have named. */
function titleOf(at: string): string {
  const part = session.value?.sourceId ? undefined : P.nav.parts[at.split("/")[1] || "endpoints"];
  return part ? P.titleOf(part) : P.title;
}

const Preferences = lazy(() => import("./preferences").then((page) => page.Preferences));

/** The zone of all times on the page, and how to choose another. */
function Foot({ onOpen }: { onOpen: () => void }): JSX.Element {
  void zone.value;
  return <footer class="pline"><button type="button" class="linkish" onClick={onOpen}>{P.foot(zoneName())}</button></footer>;
}

function useKeys(wishes: Wishes, onHelp: () => void): void {
  useEffect(() => bindKeys({
    "/": () => document.querySelector<HTMLElement>("[data-search]")?.focus(), "?": onHelp,
    "g e": () => navigate("/endpoints"), "g m": () => navigate("/messages"), "g t": () => navigate("/event-types"), "g a": () => navigate("/activity"),
    ...(wishes.theme === null ? { t: toggleTheme } : {}),
  }), []);
}

/** The operator's picture is the window's, too. */
function useIcon(): void {
  const logo = session.value?.config.logo;
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
    if (!logo || !link) return;
    link.removeAttribute("type");
    link.href = addressOf(logo);
  }, [logo]);
}

export function Shell({ wishes, onOpen }: { wishes: Wishes; onOpen: () => void }): JSX.Element {
  void theme.value; // the button's word follows it
  const at = path.value, isOpen = phase.value === "open", now = session.value;
  const [isChoosing, setChoosing] = useState(false);
  useEffect(() => { document.title = isOpen ? titleOf(at) : P.title; }, [at, isOpen]);
  useKeys(wishes, () => setChoosing(true));
  useIcon();
  if (!now) return <div class="portal"><Outside onOpen={onOpen} /></div>;
  return (
    <div class="portal">
      {!isOpen && <Outside onOpen={onOpen} />}
      <div hidden={!isOpen}>
        <a class="btn skip" href="#main">{P.skip}</a>
        {!wishes.hidesNavigation && <Navigation wishes={wishes} />}
        <Skew />
        {mayOnlyLook() && <p class="hint onlylook">{P.readOnly}</p>}
        <main id={isOpen ? "main" : undefined} class="main-p" tabIndex={-1} key={now.serial}><Page /></main>
        {!wishes.hidesNavigation && <Foot onOpen={() => setChoosing(true)} />}
        <Toasts />
        {isChoosing && isOpen && <Preferences onClose={() => setChoosing(false)} />}
      </div>
    </div>
  );
}
