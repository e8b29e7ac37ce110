"""Field types that the schemas of several features share."""

from typing import Annotated

from msgspec import Meta

Timestamp = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
        description="UTC.",
        examples=["2026-01-31T08:30:00Z"],
    ),
]
Id = Annotated[str, Meta(examples=["5f0c2a9d8e7b4c1f3a6d9e02"])]


def refuse_trailing_line_break(text: object) -> None:
    """Refuse what a pattern that ends in `$` lets through: Python matches before a last line break.

    JSON Schema does not, and the same pattern is shown there.
    """
    if isinstance(text, str) and text.endswith("\n"):
        raise ValueError("ends with a line break")
