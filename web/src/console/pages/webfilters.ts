// SPDX-License-Identifier: Apache-2.0
// The pages of webfilters and integrations, which are loaded together when the first of them is opened.
import "../first";

export { ChainPage } from "./chain";
export { AppFilters, Webfilters } from "./filters";
export { OpenEdx } from "./openedx";
export { Ckan, Gaia, Preservica } from "./registered";
export { RunPage, Runs } from "./runs";
