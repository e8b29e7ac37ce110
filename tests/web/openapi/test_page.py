"""The page /docs as a browser runs it: tests/web/openapi/page.test.js in jsdom, with a service."""

from pathlib import Path

from tests.requirements import need
from tests.test_miniprogram import TOOLS, UNLIMITED, Node, run_file

TESTS = Path(__file__).parent / "page.test.js"


class Jsdom:
    """The npm package that stands in for a browser."""

    @classmethod
    def available(cls) -> str | None:
        if (TOOLS / "jsdom").exists():
            return Node.available()
        return "jsdom not found: apt install npm, then make miniprogram-tools"


def test_page_passes_its_tests(serve):
    need(Jsdom)
    service = serve(**UNLIMITED)
    run_file(TESTS, MYAPI_TEST_URL=service.url, NODE_OPTIONS="--experimental-vm-modules")
