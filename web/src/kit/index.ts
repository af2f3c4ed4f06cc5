// SPDX-License-Identifier: Apache-2.0
// What the faces are made of. Pages import from here and nowhere else in this folder; only the viewer of payloads (json) is
// apart, because the first page does not need it.
export * from "./api";
export * from "./chart";
export * from "./chips";
export * from "./download";
export * from "./dialog";
export * from "./format";
export * from "./icons";
export * from "./keys";
export * from "./load";
export * from "./pager";
export * from "./rights";
export * from "./router";
export * from "./safe";
export * from "./scan";
export * from "./status";
export * from "./table";
export * from "./theme";
export * from "./toast";
export * from "./ui";
