// SPDX-License-Identifier: Apache-2.0
// What is loaded at first. Pages that come later import this for nothing but its effect on the bundle: all of it is then
// needed by all of them, so that it becomes one file and not one for each set of pages that share something.
import "../kit";
import "./common";
import "./find";
import "./moments";
import "./pages/found";
import "./pages/live";
import "./pages/overview";
import "./series";
import "./session";
import "./shell";
import "../kit/stream";
import "./trouble";
import "./views";
