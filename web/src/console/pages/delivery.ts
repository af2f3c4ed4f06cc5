// SPDX-License-Identifier: Apache-2.0
// The pages of applications, endpoints and messages, which are loaded together when the first of them is opened.
import "../first";

export { Apps } from "./apps";
export { AppChanges, AppDeliveries, AppEndpoints, AppMessages, AppSettings } from "./app";
export { EndpointChangesPage, EndpointHeadersPage, EndpointMessagesPage, EndpointPage } from "./endpoint";
export { MessagePage } from "./message";
export { DeliveriesPage } from "./deliveries";
