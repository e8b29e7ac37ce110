"""Find the name that was meant: `nickName` → `nickname`."""

import difflib
import re
from collections.abc import Iterable, Iterator
from itertools import islice

#: Only such a name is repeated in an answer, since the client made it up.
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
#: So many names are compared, since each comparison takes its time.
MAX_COMPARED = 20
NEAR = 0.65  # from 0 to 1, so that `name` is near `nickname`


def similar(sent: Iterable[str], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (name sent, known name) for names that are near a known one, each of these once."""
    left = {_letters(name): name for name in known}
    plain = islice((name for name in sent if PLAIN.fullmatch(name)), MAX_COMPARED)
    for name in sorted(plain, key=lambda name: _letters(name) not in left):  # the same ones first
        for letters in difflib.get_close_matches(_letters(name), left, n=1, cutoff=NEAR):
            yield name, left.pop(letters)


def _letters(name: str) -> str:
    return re.sub("[_-]", "", name).lower()
