# SPDX-License-Identifier: Apache-2.0
"""Watching a page: what no page of ours may do, whatever is tested on it.

A complaint is a report of the content security policy, an error on the console, an exception nobody caught, a request
to another origin, a dialog, a title that a canary set (canaries.py), and what axe finds (WCAG 2.0 to 2.2, A and AA).
Scripts that a test puts into a page are not bound by its policy, so axe running there proves nothing about that.
"""
import json
import re
from urllib.parse import urlsplit

from playwright.sync_api import Error

from canaries import SIGN

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# In every frame, before the first script of the page.
LISTEN = """
addEventListener('securitypolicyviolation', e =>
    grapnelTestReport(`${e.violatedDirective}: ${e.blockedURI} at ${e.sourceFile}:${e.lineNumber} ${e.sample}`));
"""
LOOK = """
async rules => {
    const found = await axe.run(document, {runOnly: {type: 'tag', values: rules}, iframes: false});
    return found.violations.map(v => v.id + ': ' + v.help + '\\n        ' +
        v.nodes.slice(0, 5).map(n => n.html.slice(0, 200) + ' | ' + n.failureSummary.replace(/\\s+/g, ' ')).join('\\n        '));
}
"""


def origin_of(url):
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Watched:
    """What a page does. Test code says beforehand what else is right: `expects` and `may_ask`."""

    def __init__(self, page, axe, look):
        self.page, self.axe, self.look_at_end = page, axe, look
        self.complaints, self.asked, self.origins, self.expected = [], [], set(), []
        page.context.expose_binding("grapnelTestReport", lambda source, text: self.complain(f"policy: {text}"))
        page.context.add_init_script(LISTEN)
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.complain(f"exception: {error}"))
        page.on("request", self.see_request)
        page.on("dialog", self.see_dialog)

    def complain(self, text):
        if not any(re.search(pattern, text) for pattern in self.expected):
            self.complaints.append(f"{self.page.url}: {text}")

    def expects(self, *patterns):
        """Complaints that match one of these are right in this test, as the browser's line about a refused call."""
        self.expected += patterns

    def may_ask(self, *urls):
        """The page belongs to the origins of these."""
        self.origins |= {origin_of(url) for url in urls}

    def hear(self, message):
        if message.type in ("error", "assert"):
            place = message.location.get("url", "")
            self.complain(f"console: {message.text} ({place})")

    def see_request(self, request):
        self.asked.append(request)
        if request.url.startswith(("data:", "blob:", "about:")):
            return
        if origin_of(request.url) not in self.origins:
            self.complain(f"request to another origin: {request.method} {request.url[:300]}")

    def see_dialog(self, dialog):
        self.complain(f"dialog: {dialog.message}")
        dialog.dismiss()

    def look(self):
        """Complains about what axe finds, and about what canaries have done, in all frames of the page as it stands."""
        for frame in self.page.frames:
            if origin_of(frame.url) not in self.origins:
                continue
            if not frame.evaluate("typeof axe !== 'undefined'"):
                frame.evaluate(self.axe.read_text(encoding="utf-8"))
            for found in frame.evaluate(LOOK, RULES):
                self.complain(f"axe: {found}")
            title, sung = frame.evaluate(f"[document.title, String(window[{json.dumps(SIGN)}])]")
            if SIGN in title or sung != "undefined":
                self.complain(f"a canary sang: the title is {title!r}, the variable {sung!r}")

    def finish(self):
        """All complaints; called when the test is over."""
        try:
            if self.look_at_end and not self.page.is_closed():
                self.look()
        except Error as error:
            self.complain(f"the page could not be looked at: {error}")
        return self.complaints
