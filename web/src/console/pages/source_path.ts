// SPDX-License-Identifier: Apache-2.0
import { part } from "../../kit";

export function sourcePath(source: string): string {
  return `/ingest/api/v1/source/${part(source)}`;
}
