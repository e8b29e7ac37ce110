"""Compare rows of two databases. A value has one normal form whichever database it is from."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any


def differing_columns(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [name for name in one if normalize(one[name]) != normalize(other[name])]


def row_hash(row: Mapping[str, Any]) -> int:
    """Return the SHA-256 of a row's values as a number. Sums of it do not depend on row order."""
    text = repr([normalize(value) for value in row.values()])
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), "big")


def normalize(value: object) -> object:
    if isinstance(value, bool | Decimal):  # MySQL returns 1 for true, and 1.50 for 1.5
        return str(Decimal(value).normalize())
    if isinstance(value, datetime):
        naive = value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
        return naive.isoformat(timespec="microseconds")
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return str(value) if isinstance(value, int) else value
