"""Draw docs/pictures: the page of the API, in both languages. `make pictures` runs this.

Needs Chromium and pngquant. CHROMIUM=/path/to/chromium names another one.
"""

import os
import subprocess

from myapi.settings import ROOT
from tests.service import Service

PICTURES = ROOT / "docs" / "pictures"
SIZE = "1280,820"
QUERY = "put+nickname"  # one route, whose fields and form are on one screen


def main() -> None:
    with Service() as service:
        for language, name in (("en", "api.png"), ("zh-CN", "api.zh-CN.png")):
            picture = PICTURES / name
            subprocess.run(
                [
                    os.environ.get("CHROMIUM", "chromium"),
                    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                    *(f"--accept-lang={language}", f"--window-size={SIZE}"),
                    *("--force-device-scale-factor=1.25", "--virtual-time-budget=4000"),
                    *(f"--screenshot={picture}", f"{service.url}/docs?q={QUERY}"),
                ],
                check=True,
                capture_output=True,
            )
            subprocess.run(
                ["pngquant", "--force", "--skip-if-larger", "--ext", ".png", picture], check=True
            )


if __name__ == "__main__":
    main()
