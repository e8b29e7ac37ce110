"""The steps of a key rotation: no token is refused until its key is removed.

Any key verifies and the last one signs. After each step every process is restarted:

1. add: a new key becomes the first one. It verifies, and the old one still signs.
2. sign: it becomes the last one and signs. By now every process knows it.
3. retire: the keys before it are removed, once the stored secrets were resealed under the last key
   (`db.resealing`) and the tokens of the old keys have expired.

A key made here begins with a number, one higher than any other. The number tells which of two keys
is newer, and so which step comes next; nothing else about a key does.
"""

import re
import secrets
from collections.abc import Sequence

# What is allowed if the next step is this one: another key may be added before an old one goes.
ALLOWED = {"add": {"add"}, "sign": {"sign"}, "retire": {"retire", "add"}}
STEPS = tuple(ALLOWED)
NUMBER = re.compile(r"key([0-9]{1,6})-")


class StepError(Exception):
    """A step is not possible with these keys; the text says why."""


def next_step(keys: Sequence[str]) -> str:
    """Return which step comes next, or raise `StepError` if the keys do not show it."""
    if len(keys) == 1:
        return "add"
    numbers = [_number(key) for key in keys]
    if numbers.count(max(numbers)) == 1:
        if numbers[0] == max(numbers):
            return "sign"
        if numbers[-1] == max(numbers):
            return "retire"
    raise StepError(
        "the keys do not show which of them is the newest: say --step add, sign or retire"
    )


def take(keys: Sequence[str], step: str) -> tuple[str, ...]:
    """Return the keys after `step`, or raise `StepError` if another step has to come first."""
    try:
        expected = next_step(keys)
    except StepError:
        expected = step  # the caller has chosen
    if step not in ALLOWED[expected]:
        raise StepError(f"with the keys as they are the next step is {expected}, not {step}")
    if step == "add":
        return (_new_key(keys), *keys)
    return (*keys[1:], keys[0]) if step == "sign" else (keys[-1],)


def new_secret_key() -> str:
    """Return a fresh key of 256 random bits, as hex."""
    return secrets.token_hex(32)


def _number(key: str) -> int:
    found = NUMBER.match(key)
    return int(found[1]) if found else 0


def _new_key(keys: Sequence[str]) -> str:
    return f"key{max(map(_number, keys)) + 1}-{new_secret_key()}"
