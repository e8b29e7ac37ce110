"""Find the name that was meant: `nickName` → `nickname`."""

import difflib
import re
from collections.abc import Iterable, Iterator
from itertools import islice

#: Only such a name is repeated in an answer, since the client made it up.
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
#: So many names are compared, since each comparison takes its time.
MAX_COMPARED = 20


def similar(sent: Iterable[str], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (name sent, known name) for each name that is near a known one."""
    by_letters = {_letters(name): name for name in known}
    plain = (name for name in sent if PLAIN.fullmatch(name))
    for name in islice(plain, MAX_COMPARED):
        for letters in difflib.get_close_matches(_letters(name), by_letters, n=1):
            yield name, by_letters[letters]


def _letters(name: str) -> str:
    return re.sub("[_-]", "", name).lower()
