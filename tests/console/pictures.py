"""Draw docs/console: each page of the console, light and dark, on a phone and wide.

`make pictures` runs this. Needs Chromium, pngquant and a Chinese font.
"""

import subprocess
import tempfile
from pathlib import Path

from myapi import create_app
from myapi.settings import ROOT, Settings
from tests.browser import Browser
from tests.console.stage import fill
from tests.fixtures import close
from tests.service import KEY, Service

PICTURES = ROOT / "docs" / "console"
SIZES = {"phone": (375, 760, 2), "wide": (1280, 860, 1.25)}


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/myapi.db"
        with Service(database_url=database) as service:
            service.flask("db", "upgrade")
            service.flask("dev", "seed")
            app = create_app(Settings(secret_keys=(KEY,), database_url=database))
            user = fill(app)
            close(app)
            with Browser() as browser:
                draw(service, browser, user)
    files = sorted(PICTURES.glob("*.png"))
    subprocess.run(
        ["pngquant", "--force", "--skip-if-larger", "--ext", ".png", *files], check=False
    )


def draw(service: Service, browser: Browser, user: str) -> None:
    page = browser.page()
    page.open(service.flask("console", "link", "--name", "王芳").stdout.strip())
    each_size(page, "way-in")
    page.go("Open the console")
    each_size(page, "overview")
    for name, path in {
        "users": "users",
        "user": f"users/{user}",
        "events": "events",
        "messages": "messages",
        "audit": "audit",
    }.items():
        page.open(f"{service.url}/console/{path}")
        if name == "user":
            page.click("Ban the user")
        each_size(page, name)
    page.open(f"{service.url}/console/?lang=zh")
    each_size(page, "overview-zh")


def each_size(page, name: str) -> None:
    for size, (width, height, scale) in SIZES.items():
        for scheme in ("light", "dark"):
            page.resize(width, height, scale)
            page.prefer(scheme)
            page.evaluate("scrollTo(0, 0)")
            page.picture(Path(PICTURES / f"{name}-{size}-{scheme}.png"), whole=False)


if __name__ == "__main__":
    main()
