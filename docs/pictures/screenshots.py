"""Photographs the pages of a fresh demo into this folder. ``make screenshots`` runs it.

The demo runs on an embedded database in a temporary folder, so nothing of the machine's own data is shown or touched.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOJOURN = Path(sys.executable).with_name("sojourn")
PAGES = {"start-page.png": "/"}
START_S_MAX = 120


def main() -> int:
    """Write each page of PAGES; 1 where Chromium is missing or the demo does not start."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("Needs Chromium. On Debian, as root, run: apt-get install -y chromium", file=sys.stderr)
        return 1
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="sojourn-") as folder:
        settings = {**os.environ, "SOJOURN_DATA": folder}
        settings.pop("SOJOURN_DATABASE_URL", None)
        demo = subprocess.Popen([SOJOURN, "demo", "--port", str(port)], env=settings, stdout=subprocess.DEVNULL)
        try:
            if not _ready(f"http://127.0.0.1:{port}/readyz", demo):
                print("The demo did not get ready.", file=sys.stderr)
                return 1
            for picture, path in PAGES.items():
                _photograph(browser, f"http://127.0.0.1:{port}{path}", HERE / picture)
        finally:
            demo.terminate()
            demo.wait(timeout=60)
    return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _ready(url: str, demo: subprocess.Popen[bytes]) -> bool:
    ends = time.monotonic() + START_S_MAX
    while time.monotonic() < ends and demo.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


def _photograph(browser: str, url: str, picture: Path) -> None:
    command = [browser, "--headless", "--hide-scrollbars", "--window-size=1280,900", f"--screenshot={picture}"]
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # as root Chromium has no sandbox to start
    subprocess.run([*command, url], check=True, timeout=60, stderr=subprocess.DEVNULL)
    print(f"{picture.relative_to(HERE.parent.parent)}  {url}")


if __name__ == "__main__":
    sys.exit(main())
