// SPDX-License-Identifier: Apache-2.0
// The pages of webfilters and integrations, which are loaded together when the first of them is opened.
import "../first";

export { ChainPage } from "./chain";
export { Ckan } from "./ckan";
export { AppFilters, Webfilters } from "./filters";
export { Gaia } from "./gaia";
export { OpenEdx } from "./openedx";
export { Preservica } from "./preservica";
export { RunPage, Runs } from "./runs";
