"""The figures of all turns in one JSON file, with their medians and ratios.

    {"cases": {name: {"title", "taken", "revision", "seconds", "rounds",
                      "turns": {variant: [{figure: value}, …]}}},
     "machine": {…}, "versions": {…}, "commands": […]}

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
FORMER_NAMES = {"peer": TUTORIAL, "tuned peer": TUNED}  # in files from before FastAPI was added


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum of some values."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


class Results:
    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.file = folder / f"{NAME}.json"
        self.data: dict[str, Any] = {"cases": {}}
        if self.file.exists():
            self.data = json.loads(self.file.read_text(encoding="utf-8"))
            for case in self.cases.values():
                case["turns"] = {
                    _current_name(name): turns for name, turns in case["turns"].items()
                }

    @property
    def cases(self) -> dict[str, Any]:
        found: dict[str, Any] = self.data["cases"]
        return found

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
        above, below = self.values(case, of, name), self.values(case, to, to_name or name)
        pairs = [(a, b) for a, b in zip(above, below, strict=False) if b]
        return Spread.of([a / b for a, b in pairs]) if pairs else None

    def values(self, case: str, variant: str, name: str) -> list[float]:
        turns = self.cases.get(case, {}).get("turns", {}).get(variant, [])
        return [turn[name] for turn in turns if name in turn]


def _current_name(variant: str) -> str:
    """Replace a former stack name: `tuned peer 10k` becomes `Express tuned 10k`."""
    for former, name in FORMER_NAMES.items():
        if variant == former or variant.startswith(f"{former} "):
            return name + variant[len(former) :]
    return variant
