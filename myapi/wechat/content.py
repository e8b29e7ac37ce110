"""Checking what users write and upload: what WeChat is asked, and what it answers.

Source: msgSecCheck version 2, POST /wxa/msg_sec_check; mediaCheckAsync version 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, get_args

from .errors import Unavailable
from .replies import Reply, identifier

CHECK_TEXT = "/wxa/msg_sec_check"
CHECK_MEDIA = "/wxa/media_check_async"
PICTURE = 2  # the media_type

#: Characters that one call may have.
LIMIT = 2500
#: Characters that two pieces of a longer text share: what is cut in two is whole in one of them.
OVERLAP = 100

Suggest = Literal["pass", "review", "risky"]
#: From the best to the worst.
SUGGESTS: tuple[Suggest, ...] = get_args(Suggest)


class TextScene(IntEnum):
    """Where a text stands. WeChat judges by it."""

    PROFILE = 1
    COMMENT = 2
    FORUM = 3
    SOCIAL_LOG = 4


@dataclass(frozen=True)
class TextVerdict:
    """What WeChat thinks of a text."""

    #: "pass"; "review": a person has to look at it; "risky": do not show it to anyone.
    suggest: Suggest
    #: 100 fine, 10001 advert, 20001 politics, 20002 porn, 20003 abuse, 20006 crime, 20008 fraud,
    #: 20012 vulgar, 20013 copyright, 21000 other.
    label: int
    #: By which WeChat finds the check.
    trace_id: str


def worst(verdicts: list[TextVerdict]) -> TextVerdict:
    return max(verdicts, key=lambda verdict: SUGGESTS.index(verdict.suggest))


def pieces(text: str) -> Iterator[str]:
    """Cut a text so that each piece fits into one call."""
    yield text[:LIMIT]
    for start in range(LIMIT - OVERLAP, len(text) - OVERLAP, LIMIT - OVERLAP):
        yield text[start : start + LIMIT]


def read_verdict(reply: Reply) -> TextVerdict:
    """Read what msg_sec_check answers. Raises Unavailable if a field is not what it should be."""
    result = reply.get("result")
    if not isinstance(result, dict):
        raise Unavailable("result is unusable")  # version 1 has none
    label = result.get("label")
    if type(label) is not int or not 0 < label < 2**31:
        raise Unavailable("label is unusable")
    for suggest in SUGGESTS:
        if result.get("suggest") == suggest:
            return TextVerdict(suggest, label, identifier(reply, "trace_id"))
    raise Unavailable("suggest is unusable")


def read_trace_id(reply: Reply) -> str:
    """Read what media_check_async answers: the id of the event that will have the verdict."""
    return identifier(reply, "trace_id")
