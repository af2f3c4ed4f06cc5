# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures of docs/guide: `build/venv/bin/python test/web/pictures.py` with GRAPNEL_BIN set. They show a real
server with invented customers."""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from conftest import ROOT, Grapnel, Receiver, launch, wait_until  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from world import World  # noqa: E402

PICTURES = ROOT / "docs" / "guide" / "pictures"


def sow(world):
    """A customer of Kestrel Payments: one endpoint does well, one fails."""
    server = world.server
    app = server.application("Tallow & Wick", uid="tallow")
    well, bad = Receiver(204), Receiver((404, {"content-type": "text/plain"}, b"No route matches POST /kestrel"))
    server.endpoint(app, well.url, description="Shop back end", eventTypes=["invoice.paid", "invoice.failed"])
    failing = server.endpoint(app, bad.url, description="Bookkeeping")
    for n in range(3):
        server.publish(app, {"id": f"in_{n}", "amount": 1999}, "invoice.paid", eventId=f"invoice-{n}")
    wait_until(lambda: server.ok("GET", f"/app/{app}/endpoint/{failing}/stats")["fail"] == 3, "all to be given up")
    return app, failing


def main():
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        world = World(Grapnel(pathlib.Path(folder) / "grapnel"), "portal.name=Kestrel")
        app, failing = sow(world)
        browser = launch(playwright)
        for name, path, height in (("endpoint", f"/endpoints/{failing}", 640), ("endpoints", "", 430)):
            page = browser.new_page(viewport={"width": 1180, "height": height}, reduced_motion="reduce", color_scheme="light")
            page.goto(world.portal(app, path))
            page.wait_for_load_state("networkidle")
            page.screenshot(path=PICTURES / f"portal-{name}.png")
            page.close()
        browser.close()
        world.end()


if __name__ == "__main__":
    main()
