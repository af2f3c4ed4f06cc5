// SPDX-License-Identifier: Apache-2.0
// The pages of sources, which are loaded together when the first of them is opened.
import "../first";

export { SourceChangesPage, SourceEndpointsPage, SourcePage, SourceSettingsPage } from "./source";
export { Sources } from "./sources";
