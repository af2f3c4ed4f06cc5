// SPDX-License-Identifier: Apache-2.0
// The console's words on choosing rows of a list, and on acting on all that were chosen.
import { count, plural } from "../kit/format";

const endpoints = (n: number) => plural(n, "endpoint", "endpoints");
const messages = (n: number) => plural(n, "message", "messages");

export const C = {
  choose: {
    page: "Select all on this page",
    row: (name: string) => `Select ${name}`,
    clear: "Clear the selection",
    endpoints: (n: number) => `${endpoints(n)} chosen`,
    messages: (n: number) => `${messages(n)} chosen`,
    enable: "Enable",
    disable: "Disable",
    enabled: (n: number) => `${endpoints(n)} enabled.`,
    disabled: (n: number) => `${endpoints(n)} disabled. What waits for them stays.`,
    someFailed: (failed: number, of: number) => `${count(failed)} of ${count(of)} could not be changed.`,
    recover: "Recover what failed",
    recoverTitle: (n: number) => `Recover what failed at ${endpoints(n)}`,
    recoverAll: "Recover at all endpoints",
    recoverAllTitle: "Recover what failed at all endpoints of this application",
    recoverText: "Each endpoint gets its own at this pace, as a task of its own.",
    send: "Send to an endpoint",
    sendTitle: (n: number) => `Send ${messages(n)} to an endpoint`,
    sendText: "They are sent with the endpoint’s own settings and secret, whether it got them before or not.",
    sendTo: "Endpoint",
    sendNone: "This application has no enabled endpoint.",
    sendAct: (n: number) => `Send ${count(n)}`,
    sent: (n: number) => `${messages(n)} ${n === 1 ? "is" : "are"} being sent.`,
    notSent: (failed: number, of: number) => `${count(failed)} of ${count(of)} could not be sent.`,
    expunge: "Remove payloads",
    expungeTitle: (n: number) => `Remove the payloads of ${messages(n)}?`,
    expungeText: "They are deleted from this server for good. That the messages existed stays in the history.",
    expunged: (n: number) => `${plural(n, "payload", "payloads")} removed.`,
    cancel: "Drop what waits",
    cancelText: "Deliveries of the messages that the filters find will not happen if they are still waiting. The messages stay.",
  },
} as const;
