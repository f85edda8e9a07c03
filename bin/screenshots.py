"""Takes the pictures of README and docs/tour.md from a fresh portal with demo data (`make screenshots`)."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs/images"
PASSWORD = "two-matching-halves"  # noqa: S105 - the demo's, printed by every start
with socket.create_server(("127.0.0.1", 0)) as _free:
    PORT = str(_free.getsockname()[1])
URL = f"http://127.0.0.1:{PORT}"


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {"PORT": PORT, "PORTAL_INSTANCE": folder}
        portal = subprocess.Popen([ROOT / "bin/run"], env=environ, stdout=subprocess.PIPE, text=True)
        try:
            wait_for(portal)
            take_all()
        finally:
            portal.send_signal(signal.SIGTERM)
            portal.wait()


def wait_for(portal: subprocess.Popen[str]) -> None:
    """Returns once the portal has printed its address; exits if it ended instead."""
    for line in portal.stdout or ():
        if URL in line:
            return
    sys.exit("The portal did not start.")


def take_all() -> None:
    installed = (Path("/usr/bin/chromium"), Path("/usr/bin/chromium-headless-shell"))
    system = next((path for path in installed if path.exists()), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=system,
            args=[
                "--disable-gpu",
                "--disable-dev-shm-usage",
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
            ],
        )
        desktop = browser.new_page(viewport={"width": 1200, "height": 760}, color_scheme="light")
        desktop.goto(URL)
        desktop.screenshot(path=IMAGES / "landing.png")
        sign_in(desktop, "furniture@example.com")
        desktop.screenshot(path=IMAGES / "dashboard.png")
        build_a_plan(desktop)
        desktop.screenshot(path=IMAGES / "builder.png")
        desktop.goto(f"{URL}/merchant/plans/?status=overdue")
        desktop.screenshot(path=IMAGES / "overdue.png")
        desktop.locator("th a").first.click()
        desktop.wait_for_load_state()
        desktop.screenshot(path=IMAGES / "late-plan.png")
        phone = browser.new_page(viewport={"width": 390, "height": 760}, color_scheme="dark")
        sign_in(phone, "amara@example.com")
        phone.screenshot(path=IMAGES / "customer.png")
        light = browser.new_page(viewport={"width": 390, "height": 760}, color_scheme="light")
        sign_in(light, "amara@example.com")
        light.get_by_role("link", name="Review offer").first.click()
        light.wait_for_load_state()
        light.screenshot(path=IMAGES / "offer.png")


def sign_in(page: Page, email: str) -> None:
    page.goto(f"{URL}/login")
    page.fill("[name=email]", email)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/(merchant|customer)/$"))


def build_a_plan(page: Page) -> None:
    page.goto(f"{URL}/merchant/plans/new")
    page.fill("[name=customer_email]", "amara@example.com")
    page.fill("[name=description]", "Oak dining table, six chairs")
    page.locator("[name=total_amount]").press_sequentially("1250.00")
    page.get_by_text("Difference from the total").wait_for()
    time.sleep(0.5)


if __name__ == "__main__":
    main()
