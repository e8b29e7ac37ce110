"""The figures of all turns in one JSON file, with their medians and ratios.

    {"revision": commit, "taken": "YYYY-MM-DD" in UTC,
     "cases": {name: {"title", "seconds", "rounds", "tls", "settings",
                      "turns": {variant: [{figure: value}, …]}}},
     "machine": {…}, "versions": {…}}

One file has the figures of one commit and one day.

Only the standard library is used, because the plots run with another set of packages.
"""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "docs"
NAME = "benchmarks"
# The stacks that are compared; method.md describes the peers.
MYAPI = "myapi"
TUTORIAL, TUNED, FASTAPI = "Express tutorial", "Express tuned", "FastAPI"
PEERS = (TUTORIAL, TUNED, FASTAPI)
STACKS = (MYAPI, *PEERS)


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum of some values."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


class OtherRunError(Exception):
    """The file has figures of another commit or of another day."""


class Results:
    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.file = folder / f"{NAME}.json"
        self.data: dict[str, Any] = {"cases": {}}
        if self.file.exists():
            self.data = json.loads(self.file.read_text(encoding="utf-8"))

    @property
    def cases(self) -> dict[str, Any]:
        found: dict[str, Any] = self.data["cases"]
        return found

    def start(self, revision: str, taken: str, *, part: bool) -> None:
        """Start a run: of all cases, without any earlier figure; of a part, beside the others.

        Raises `OtherRunError` for a part if the others are not of this commit and this day.
        """
        run = {"revision": revision, "taken": taken}
        if not part or not self.cases:
            self.data = {**run, "cases": {}}
        elif (earlier := {name: self.data[name] for name in run}) != run:
            found, wanted = (" of ".join(each.values()) for each in (earlier, run))
            raise OtherRunError(f"{self.file.name} has figures of {found}, not of {wanted}")

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.data, indent=1, ensure_ascii=False)
        self.file.write_text(text + "\n", encoding="utf-8")

    def variants(self, case: str) -> list[str]:
        return list(self.cases.get(case, {}).get("turns", {}))

    def figure(self, case: str, variant: str, name: str) -> Spread | None:
        values = self.values(case, variant, name)
        return Spread.of(values) if values else None

    def ratio(
        self, case: str, name: str, of: str = MYAPI, to: str = TUTORIAL, to_name: str = ""
    ) -> Spread | None:
        """Divide round by round, so that a slow round affects both sides alike."""
        pairs = [(a, b) for a, b in self.pairs(case, name, of, to, to_name) if b]
        return Spread.of([a / b for a, b in pairs]) if pairs else None

    def pairs(
        self, case: str, name: str, of: str = MYAPI, to: str = TUTORIAL, to_name: str = ""
    ) -> list[tuple[float, float]]:
        """Return the figures of two variants, round by round."""
        of_values, to_values = self.values(case, of, name), self.values(case, to, to_name or name)
        return list(zip(of_values, to_values, strict=False))

    def values(self, case: str, variant: str, name: str) -> list[float]:
        turns = self.cases.get(case, {}).get("turns", {}).get(variant, [])
        return [turn[name] for turn in turns if name in turn]
