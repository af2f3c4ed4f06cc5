// SPDX-License-Identifier: Apache-2.0
// The console's words on acting on many at once.
import { count, plural, when } from "../kit/format";
import { C as base } from "./console";

const paced = (words: string, rate: string) => (rate ? `${words} at ${rate}` : words);

export const C = {
  ...base,
  bulk: {
    since: "Since",
    sinces: [["now-15m", "15 min ago"], ["now-1h", "1 h ago"], ["now-6h", "6 h ago"], ["now-24h", "24 h ago"], ["now-7d", "7 days ago"], ["now-30d", "30 days ago"], ["", "whatever is kept"]] as const,
    sinceThis: (moment: string) => when(moment),
    until: "Until",
    untilHint: "Empty: until now",
    rate: "At most",
    rates: [["1", "1/s"], ["10", "10/s"], ["50", "50/s"], ["200", "200/s"], ["1000", "1,000/s"], ["", "no limit"]] as const,
    takes: "Takes about",
    takesAbout: (span: string, at: string) => `${span}, until ${at}`,
    states: "They are",
    oldest: "Oldest",
    newest: "Newest",
    such: "Such as",
    notAll: "There may be more: counting looks for two seconds at most.",
    skipped: (n: number) => (n === 1 ? "One of them is disabled and is left out: enable it first." : `${count(n)} of them are disabled and are left out: enable them first.`),
    stoppable: "You can pause or stop it.",
    started: "It runs.",
    typeIt: (n: string) => `Type ${n} to go on`,
    found: {
      recover: (n: number) => (n === 1 ? "delivery failed at this time." : "deliveries failed at this time."),
      replay: (n: number) => (n === 1 ? "is found." : "are found."),
      resend: (n: number) => (n === 1 ? "message would go to the other endpoint." : "messages would go to the other endpoint."),
      cancel: (n: number) => (n === 1 ? "delivery waits." : "deliveries wait."),
      expunge: (n: number) => (n === 1 ? "message has a payload to remove." : "messages have payloads to remove."),
    },
    act: {
      recover: (n: number, rate: string) => paced(`Resend ${count(n)}`, rate),
      replay: (n: number, rate: string) => paced(`Replay ${count(n)}`, rate),
      resend: (n: number, rate: string) => paced(`Send ${count(n)}`, rate),
      cancel: (n: number) => `Drop ${count(n)}`,
      expunge: (n: number) => `Remove ${plural(n, "payload", "payloads")}`,
    },
  },
} as const;
