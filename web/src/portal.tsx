// SPDX-License-Identifier: Apache-2.0
// The portal: what a customer sees who follows a link of app-portal-access, alone or in a frame of a host's page.
import { render } from "preact";
import { setBase } from "./kit/api";
import { startKeys } from "./kit/keys";
import { navigate, path, startRouter } from "./kit/router";
import { applyTheme } from "./kit/theme";
import { followClicks, readWishes, tellHeightOf } from "./portal/host";
import { applyLook } from "./portal/look";
import { forgetTypes } from "./portal/model";
import { lastPlace, phase, startSession } from "./portal/session";
import { Shell } from "./portal/shell";

const app = document.getElementById("app")!;
setBase(document.documentElement.dataset["base"] ?? ""); // the server writes the path it is mounted at
const wishes = readWishes(location.search);
applyTheme();
applyLook(wishes);
followClicks();

/** What the last session knew is not the new one's. One goes on where it ended, or begins where the host wants. */
function onOpen(): void {
  forgetTypes();
  const place = (phase.value === "open" && lastPlace()) || wishes.next;
  if (place && path.value === "/") navigate(place, { replace: true });
}

startRouter("/portal");
startKeys();
render(<Shell wishes={wishes} onOpen={onOpen} />, app);
tellHeightOf(app);
void startSession(onOpen);
