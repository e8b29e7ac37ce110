r"""Field types that the schemas of several features share.

Patterns end in `$(?!\n)`: to Python a `$` alone matches before a last line break too, and to JSON
Schema, where the same pattern is shown, it does not.
"""

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
