// SPDX-License-Identifier: Apache-2.0
// What the faces are made of. Pages import from here and nowhere else in this folder.
export * from "./api";
export * from "./chart";
export * from "./chips";
export * from "./dialog";
export * from "./format";
export * from "./icons";
export * from "./json";
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
