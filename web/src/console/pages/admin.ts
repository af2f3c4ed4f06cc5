// SPDX-License-Identifier: Apache-2.0
// Pages that are opened now and then, which are loaded together when the first of them is.
import "../first";

export { Access } from "./access";
export { AccessSessions } from "./access_sessions";
export { AccessTenants } from "./access_tenants";
export { AccessUsers } from "./access_users";
export { AuditPage } from "./audit";
export { LivePage } from "./live";
export { Settings } from "./settings";
export { SystemPage } from "./system";
export { OperationalPage } from "./operational";
export { OtherTasks, TaskPage, Tasks } from "./tasks";
export { EventTypePage, EventTypes } from "./types";
