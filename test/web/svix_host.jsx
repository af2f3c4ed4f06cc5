// SPDX-License-Identifier: Apache-2.0
// A host's page made of Svix's own React components: the portal in a frame, or every hook and action of theirs. What to
// show comes in the fragment; what came of it is written into the page.
import React from "react";
import { createRoot } from "react-dom/client";
import {
  AppPortal, SvixProvider, useAttemptedMessages, useAttemptFunctions, useEndpoint, useEndpointFunctions, useEndpointHeaders,
  useEndpointMessageAttempts, useEndpoints, useEndpointSecret, useEndpointStats, useEventTypes, useMessage, useMessageAttempts,
  useMessageEndpoints, useMessages, useNewEndpoint, useSvix,
} from "svix-react";

const told = JSON.parse(decodeURIComponent(location.hash.slice(1)));

function Portal() {
  const [url, setUrl] = React.useState(told.url);
  window.showPortal = setUrl;
  return <AppPortal url={url} {...told.props} />;
}

function short(entity) {
  return entity.error ? `error: ${entity.error}` : entity.data;
}

function Hooks() {
  const reads = {
    endpoints: useEndpoints(), endpoint: useEndpoint(told.endpoint), secret: useEndpointSecret(told.endpoint),
    stats: useEndpointStats(told.endpoint), headers: useEndpointHeaders(told.endpoint),
    endpointAttempts: useEndpointMessageAttempts(told.endpoint), attempted: useAttemptedMessages(told.endpoint),
    types: useEventTypes(), messages: useMessages(), message: useMessage(told.message),
    messageEndpoints: useMessageEndpoints(told.message), messageAttempts: useMessageAttempts(told.message),
  };
  const first = React.useRef(null); // actions make them read again
  const isDone = Object.values(reads).every((one) => !one.loading && (one.data || one.error));
  if (isDone) first.current ??= Object.fromEntries(Object.entries(reads).map(([name, one]) => [name, short(one)]));
  if (!first.current) return <p>reading</p>;
  return <><pre id="reads">{JSON.stringify(first.current)}</pre><Actions attempt={first.current.messageAttempts[0]} reads={reads} /></>;
}

function Actions({ attempt, reads }) {
  const functions = useEndpointFunctions(told.endpoint), resend = useAttemptFunctions(attempt), fresh = useNewEndpoint();
  const { svix, appId } = useSvix();
  const [done, setDone] = React.useState(null);
  React.useEffect(() => {
    fresh.url.setValue(told.newUrl);
    fresh.description.setValue("made by a hook");
  }, []);
  const act = async () => {
    const said = {};
    const each = async (name, what) => {
      try {
        said[name] = (await what()) ?? "done";
      } catch (error) {
        said[name] = `error: ${error.code ?? ""} ${error}`;
      }
    };
    await each("create", async () => {
      const made = await fresh.createEndpoint();
      if (made.error) throw made.error;
      return made.endpoint.id;
    });
    await each("update", async () => (await functions.updateEndpoint({ url: told.endpointUrl, description: "changed by a hook" })).description);
    await each("recover", () => functions.recoverEndpointMessages({ since: new Date(Date.now() - 3600_000) }));
    await each("setHeaders", () => reads.headers.updateEndpointHeaders({ headers: { "x-a": "1" } }));
    await each("patchHeaders", () => reads.headers.patchEndpointHeaders({ headers: { "x-b": "2" } }));
    await each("rotate", () => reads.secret.rotateSecret({}));
    await each("resend", () => resend.resendAttempt());
    await each("list", async () => (await svix.endpoint.list(appId)).data.length);
    await each("delete", () => functions.deleteEndpoint());
    setDone(said);
  };
  return <><button onClick={act}>Act</button>{done && <pre id="done">{JSON.stringify(done)}</pre>}</>;
}

function Host() {
  if (told.mode === "portal") return <Portal />;
  return <SvixProvider token={told.token} appId={told.appId} options={{ serverUrl: told.server }}><Hooks /></SvixProvider>;
}

window.heights = [];
window.expired = [];
addEventListener("message", (event) => {
  if (event.data?.type === "svix.iframe-resizer-height") window.heights.push(event.data.payload.height);
  if (event.data?.type === "grapnel.portal.expired") window.expired.push(event.data);
});
createRoot(document.getElementById("host")).render(<Host />);
