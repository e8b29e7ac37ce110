"""Fields that the shapes of several features share."""

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
    """Call this for a field whose pattern ends in `$`, which Python lets match before a line break.

    JSON Schema does not, and the pattern is shown there as it is.
    """
    if isinstance(text, str) and text.endswith("\n"):
        raise ValueError("has a line break at its end")
