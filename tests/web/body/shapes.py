"""Bodies as a team's own code may have them, each with a route that takes it."""

from datetime import date, datetime
from enum import Enum
from typing import Annotated, Literal, TypedDict
from uuid import UUID

from flask import Blueprint
from msgspec import Meta, Struct

from myapi.extend import ApiError, FieldError, endpoint, public


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(Struct):
    name: Annotated[str, Meta(max_length=5)]
    count: int = 0


class Card(Struct, tag="card"):
    number: str


class Cash(Struct, tag="cash"):
    amount: int


class Size(TypedDict):
    width: int


class Stay(Struct):
    starts: int
    ends: int

    def __post_init__(self) -> None:
        if self.ends < self.starts:
            raise ApiError(
                "invalid_request",
                fields=[
                    FieldError(
                        "ends", "after_start", msg="The end is too early.", msg_zh="结束得太早。"
                    )
                ],
            )
        if self.ends == self.starts:
            raise ValueError(f"internal words about {self.ends}")


PLATE = {"format": "plate", "msg": "Write a plate such as A1.", "msg_zh": "请填写车牌，例如 A1。"}


class Everything(Struct):
    text: Annotated[str, Meta(min_length=2, max_length=5)] | None = None
    number: Annotated[int, Meta(ge=1, le=9)] = 1
    above: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    even: Annotated[int, Meta(multiple_of=2)] = 2
    half: Annotated[float, Meta(multiple_of=0.5)] = 0.5
    flag: bool = True
    code: Annotated[str, Meta(pattern=r"^[a-c]{2}$")] = "ab"
    plate: Annotated[str, Meta(pattern=r"^[A-Z]\d$", extra=PLATE)] = "A1"
    colour: Colour = Colour.RED
    choice: Literal["a", 1] | None = "a"
    items: Annotated[list[Item], Meta(min_length=1, max_length=12)] = []
    pair: tuple[int, str] = (1, "a")
    labels: dict[str, int] = {}
    size: Size | None = None
    pay: Card | Cash | None = None
    either: str | int = 1
    moment: datetime | None = None
    day: date | None = None
    key: UUID | None = None
    raw: bytes = b""
    zoned: Annotated[datetime, Meta(tz=True)] | None = None
    stays: list[Stay] = []


class Renamed(Struct, rename="camel"):
    first_name: str
    last_name: str
    note: str = ""


class Strict(Struct, forbid_unknown_fields=True):
    name: str = ""


class Nothing(Struct):
    pass


class Tree(Struct):
    trees: list["Tree"] = []


class Many(Struct):
    a: int
    b: int
    c: int
    d: int
    e: int
    f: int
    g: int
    h: int
    i: int
    j: int
    k: int
    l: int  # noqa: E741


SHAPES = (Everything, Renamed, Strict, Nothing, Tree, Many, Card)
bp = Blueprint("own", __name__, url_prefix="/api/own")


def _route(shape):
    @bp.post(f"/{shape.__name__}", endpoint=shape.__name__)
    @public
    @endpoint(body=shape)
    def view(body) -> None:
        """Take a body."""


for each in SHAPES:
    _route(each)
