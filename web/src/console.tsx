// SPDX-License-Identifier: Apache-2.0
// The console: what an operator sees of the server. Its entry.
import { render, type JSX } from "preact";
import { Routed } from "./console/routes";
import { sessionState, SignIn, startSession } from "./console/session";
import { Shell } from "./console/shell";
import { applyTheme, setBase, startKeys, startRouter, Toasts } from "./kit";

function Console(): JSX.Element | null {
  switch (sessionState.value) {
    case "asking":
      return null;
    case "in":
    case "lost":
      return <Shell><Routed /></Shell>;
    default:
      return <><SignIn /><Toasts /></>;
  }
}

const app = document.getElementById("app");
if (app !== null) {
  setBase(document.documentElement.dataset["base"] ?? ""); // the server writes the path it is mounted at
  applyTheme();
  startRouter("/console");
  startKeys();
  render(<Console />, app);
  void startSession();
}
