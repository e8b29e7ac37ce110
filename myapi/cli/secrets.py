"""`flask secrets …`: make keys, and rotate them while tokens are in use."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from myapi import audit
from myapi.cli import files, output
from myapi.cli.command import Group, unhurried
from myapi.cli.options import ask, yes
from myapi.db import resealing
from myapi.db.resealing import Progress
from myapi.extensions import settings
from myapi.security import key_rotation
from myapi.security.key_rotation import StepError
from myapi.settings import parsers

VARIABLE = "MYAPI_SECRET_KEYS"

NOW = {
    "add": """\
Step 1 of 3, add: the new key stands first. It verifies, and the old one still signs.
Now: {give}, restart every process of every host, then `flask secrets rotate` for step 2.""",
    "sign": """\
Step 2 of 3, sign: the new key stands last, and signs.
This is for when every process has been restarted since step 1: one that has not refuses new tokens.
Now: {give}, restart every process of every host, then `flask secrets rotate --reencrypt`.
After {days} days no token of the old key is left: `flask secrets rotate` for step 3.""",
    "retire": """\
Step 3 of 3, retire: the last key alone is left. A token of an older key is refused, so that
phone logs in again; {days} days (MYAPI_SESSION_MAX_DAYS) after step 2 there is none.
Now: {give}, and restart every process of every host.""",
}


@click.group("secrets", cls=Group)
def group() -> None:
    """Make secret keys, and rotate them."""


@group.command(needs_settings=False)
def generate() -> None:
    """Print a fresh key for MYAPI_SECRET_KEYS."""
    click.echo(key_rotation.new_secret_key())


@group.command()
@click.option(
    "--step", type=click.Choice(key_rotation.STEPS), help="Instead of the step that is next."
)
@click.option(
    "--write",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the keys there, whole or not at all: the file of MYAPI_SECRET_KEYS_FILE.",
)
@click.option("--reencrypt", is_flag=True, help="Move the stored secrets to the last key.")
@click.option("--lose-secrets", is_flag=True, help="Retire keys that stored secrets still need.")
@yes
def rotate(
    step: str | None, file: Path | None, reencrypt: bool, lose_secrets: bool, yes: bool
) -> None:
    """Print the secret keys as they stand after the next step of a rotation.

    No token is refused until its key is taken out, in three steps with a restart after each:
    add a new key, let it sign, retire the old one. The keys that are set now show which step is
    next; where they do not, or to begin a second rotation early, say it with --step.
    """
    if reencrypt:
        if step or file:
            raise click.UsageError("--reencrypt changes no key: give it alone")
        _reencrypt()
        return
    present = settings().secret_keys
    try:
        taken = step or key_rotation.next_step(present)
        keys = key_rotation.keys_after(present, taken)
    except StepError as error:
        raise click.ClickException(str(error)) from None
    if taken == "retire" and not lose_secrets:
        _refuse_to_lose_secrets(keys)
    if file is None:
        click.echo(",".join(keys))
    else:
        if taken == "sign" and step is None:
            ask("Has every process been restarted since the new key was added?", yes=yes)
        _write(file, keys, yes=yes)
    audit.record_now("key_rotation", step=taken)
    days = settings().session_max_days
    output.print_line(NOW[taken].format(give=_how_to_give(file), days=days), err=True)


def _reencrypt() -> None:
    total = _sum(unhurried(resealing.reseal()), "looked at")
    audit.record_now("reencrypt", moved=total.resealed, unreadable=total.unreadable)
    output.print_line(
        f"{total.resealed} of {output.count(total.seen, 'stored secret')} moved to the last key"
    )
    if total.unreadable:
        output.print_line(
            f"{total.unreadable} cannot be read with any key: is one missing in {VARIABLE}?"
            " If not, nothing is to be done: a session_key comes anew with the next login",
            err=True,
        )


def _refuse_to_lose_secrets(keys: Sequence[str]) -> None:
    lost = _sum(resealing.survey(keys), "checked").unreadable
    if lost:
        raise click.ClickException(
            f"the last key alone does not open {output.count(lost, 'stored secret')}:"
            " run `flask secrets rotate --reencrypt` first; those that it cannot read either are"
            " lost already, and --lose-secrets goes on without them"
        )


def _sum(batches: Iterable[Progress], done: str) -> Progress:
    total = Progress(0, 0, 0)
    for batch in batches:
        total = Progress(*map(sum, zip(total, batch, strict=True)))
        output.progress(f"{output.count(total.seen, 'stored secret')} {done}")
    output.progress("")
    return total


def _write(file: Path, keys: Sequence[str], *, yes: bool) -> None:
    lost = len(set(_keys_in(file)) - set(keys))
    if lost:
        ask(f"Take {output.count(lost, 'key')} out of {file} for ever?", yes=yes)
    with files.replaced(file) as draft:
        draft.write_text(",".join(keys) + "\n", encoding="utf-8")


def _keys_in(file: Path) -> tuple[str, ...]:
    """Read the keys that a file holds, so that nothing else is written over."""
    if not file.exists():
        return ()
    try:
        return parsers.secret_keys(file.read_text(encoding="utf-8").strip())
    except ValueError:
        raise click.ClickException(
            f"{file} holds something else than keys: name the file of {VARIABLE}_FILE"
        ) from None


def _how_to_give(file: Path | None) -> str:
    if file is None:
        return f"set {VARIABLE} to it"
    in_use = os.environ.get(f"{VARIABLE}_FILE")
    if in_use and Path(in_use).resolve() == file.resolve():
        return "copy the file to any other host"
    return f"set {VARIABLE}_FILE={file.resolve()} in place of {VARIABLE}"
