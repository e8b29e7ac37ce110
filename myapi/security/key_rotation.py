"""The steps of a key rotation: no token is refused until its key is removed.

Any key verifies and the last one signs. After each step every process is restarted:

1. add: a new key is put first. It verifies, and the old key still signs.
2. sign: the new key is moved to the end and signs. Every process knows it by now.
3. retire: all other keys are removed. Before that, the stored secrets were resealed under the new
   key (`db.resealing`) and the tokens of the old keys have expired.

A key made here begins with a number, one higher than that of any other key. The newest key is
recognized by it, and so is the next step.
"""

import re
import secrets
from collections.abc import Sequence

from myapi.language import localized

# The steps allowed when a step is next: another key may be added before an old one is retired.
ALLOWED = {"add": {"add"}, "sign": {"sign"}, "retire": {"retire", "add"}}
STEPS = tuple(ALLOWED)
NUMBER = re.compile(r"key([0-9]{1,6})-")


class StepError(Exception):
    """A step is not possible with these keys; the message says why."""


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
        localized(
            "the keys do not show which of them is the newest: give --step add, sign or retire",
            "从密钥看不出哪个最新：请给出 --step add、sign 或 retire",
        )
    )


def keys_after(keys: Sequence[str], step: str) -> tuple[str, ...]:
    """Return the keys as they are after `step`; raise `StepError` if it is not allowed now."""
    try:
        expected = next_step(keys)
    except StepError:
        expected = step  # the caller has chosen
    if step not in ALLOWED[expected]:
        raise StepError(
            localized(
                f"with these keys the next step is {expected}, not {step}",
                f"按现有密钥，下一步应为 {expected}，而不是 {step}",
            )
        )
    if step == "add":
        return (_new_key(keys), *keys)
    return (*keys[1:], keys[0]) if step == "sign" else (keys[-1],)


def new_secret_key() -> str:
    """Return a new key of 256 random bits, as hex."""
    return secrets.token_hex(32)


def _number(key: str) -> int:
    found = NUMBER.match(key)
    return int(found[1]) if found else 0


def _new_key(keys: Sequence[str]) -> str:
    return f"key{max(map(_number, keys)) + 1}-{new_secret_key()}"
