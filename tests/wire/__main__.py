"""Print how the cases of each family are answered: `python -m tests.wire [-v]`.

With `-v`, print the outcome of every case too.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.service import migrate
from tests.wire import http2
from tests.wire.cases import FAMILIES
from tests.wire.conftest import OpenFront, served, to
from tests.wire.replies import ask


class Row(NamedTuple):
    place: str
    family: str
    name: str
    outcome: str


def main() -> None:
    rows = list(all_rows())
    lines = [f"{r.place:9} {r.family:14} {r.name:42} {r.outcome}" for r in rows]
    sys.stdout.write("\n".join([*(lines if "-v" in sys.argv else []), *figures(rows), ""]))


def figures(rows: list[Row]) -> Iterable[str]:
    yield f"{'family':15}{'at':10}{'cases':>6}  answers"
    for place, family in dict.fromkeys((row.place, row.family) for row in rows):
        outcomes = Counter(row.outcome for row in rows if row[:2] == (place, family))
        counts = ", ".join(f"{outcome} x {count}" for outcome, count in sorted(outcomes.items()))
        yield f"{family:15}{place:10}{outcomes.total():6}  {counts}"
    yield f"{'all':25}{len(rows):6}"


def all_rows() -> Iterable[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = migrate(f"sqlite:///{folder}/myapi.db", folder)
        path = folder / "http.sock"
        with (
            served(path, database_url=url, wechat_base_url="http://127.0.0.1:9") as service,
            OpenFront(path) as front,
        ):
            for place, connect in {"Gunicorn": to(service), "Nginx": front.connect}.items():
                for family, cases in FAMILIES.items():
                    yield from _rows(place, family, cases, partial(ask, connect))
            yield from _rows("Nginx", "HTTP/2", http2.CASES, partial(http2.ask, http2.to(front)))


def _rows(place: str, family: str, cases: Sequence[Any], ask: Callable[[Any], object]) -> list[Row]:
    with ThreadPoolExecutor(8) as threads:
        outcomes = threads.map(lambda case: str(ask(case)), cases)
        return [
            Row(place, family, case.name, outcome)
            for case, outcome in zip(cases, outcomes, strict=True)
        ]


if __name__ == "__main__":
    main()
