// SPDX-License-Identifier: Apache-2.0
// What every page of the portal needs, in one place, so that it is also one file for the browser: pages that are fetched
// later import this and not its parts. The heavier parts of the kit (tables, JSON, charts, dialogs) are not here.
export * from "../kit/api";
export * from "../kit/format";
export * from "../kit/icons";
export * from "../kit/load";
export * from "../kit/router";
export * from "../kit/safe";
export * from "../kit/status";
export * from "../kit/theme";
export * from "../kit/toast";
export * from "../kit/ui";
export * from "./model";
export * from "./problem";
export * from "./session";
export * from "./state";
export { P } from "./words";
