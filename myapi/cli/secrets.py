"""`flask secrets …`: generate secret keys, and rotate them while tokens are in use."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from myapi import audit
from myapi.cli import files, output
from myapi.cli.command import Group, with_pauses
from myapi.cli.options import confirm, yes_option
from myapi.db import resealing
from myapi.db.resealing import Progress
from myapi.extensions import settings
from myapi.security import key_rotation
from myapi.security.key_rotation import StepError
from myapi.settings import parsers

VARIABLE = "MYAPI_SECRET_KEYS"

NEXT = {
    "add": """\
Step 1 of 3, add: the new key is the first one. It verifies tokens; the old key still signs them.
Next: {apply}, restart every process on every host, then run `flask secrets rotate` for step 2.""",
    "sign": """\
Step 2 of 3, sign: the new key is the last one and signs.
Do this only after every process was restarted after step 1: one that was not refuses new tokens.
Next: {apply}, restart every process on every host, then run `flask secrets rotate --reencrypt`.
After {days} days no token of the old key is left: run `flask secrets rotate` for step 3.""",
    "retire": """\
Step 3 of 3, retire: only the last key is left. A token of an older key is refused, and its phone
logs in again. {days} days (MYAPI_SESSION_MAX_DAYS) after step 2 no such token is left.
Next: {apply}, and restart every process on every host.""",
}


@click.group("secrets", cls=Group)
def group() -> None:
    """Generate and rotate secret keys."""


@group.command(needs_settings=False)
def generate() -> None:
    """Print a new random key for MYAPI_SECRET_KEYS."""
    click.echo(key_rotation.new_secret_key())


@group.command()
@click.option(
    "--step", type=click.Choice(key_rotation.STEPS), help="Take this step instead of the next one."
)
@click.option(
    "--write",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the keys to this file (that of MYAPI_SECRET_KEYS_FILE), atomically.",
)
@click.option("--reencrypt", is_flag=True, help="Re-encrypt the stored secrets with the last key.")
@click.option("--lose-secrets", is_flag=True, help="Retire keys even if stored secrets need them.")
@yes_option
def rotate(
    step: str | None, file: Path | None, reencrypt: bool, lose_secrets: bool, yes: bool
) -> None:
    """Print the secret keys after the next step of a rotation.

    A rotation has three steps with a restart after each: add a new key, sign with it, retire the
    old one. Tokens stay valid until their key is retired. The present keys show which step is
    next. Use --step if they do not, or to begin a second rotation early.
    """
    if reencrypt:
        if step or file:
            raise click.UsageError("--reencrypt cannot be combined with --step or --write")
        _reencrypt()
        return
    current = settings().secret_keys
    try:
        step_taken = step or key_rotation.next_step(current)
        keys = key_rotation.keys_after(current, step_taken)
    except StepError as error:
        raise click.ClickException(str(error)) from None
    if step_taken == "retire" and not lose_secrets:
        _refuse_to_lose_secrets(keys)
    if file is None:
        click.echo(",".join(keys))
    else:
        if step_taken == "sign" and step is None:
            confirm("Has every process been restarted since the new key was added?", yes=yes)
        _write(file, keys, yes=yes)
    audit.record_now("key_rotation", step=step_taken)
    days = settings().session_max_days
    output.print_line(NEXT[step_taken].format(apply=_how_to_apply(file), days=days), err=True)


def _reencrypt() -> None:
    total = _sum(with_pauses(resealing.reseal()), "read")
    audit.record_now("reencrypt", moved=total.resealed, unreadable=total.unreadable)
    secrets = output.count(total.seen, "stored secret")
    output.print_line(f"{total.resealed} of {secrets} re-encrypted with the last key")
    if total.unreadable:
        output.print_line(
            f"{total.unreadable} cannot be decrypted with any key: is one missing from {VARIABLE}?"
            " If not, there is nothing to do: the next login stores a new session_key",
            err=True,
        )


def _refuse_to_lose_secrets(keys: Sequence[str]) -> None:
    lost = _sum(resealing.survey(keys), "checked").unreadable
    if lost:
        raise click.ClickException(
            f"the last key alone cannot decrypt {output.count(lost, 'stored secret')}:"
            " run `flask secrets rotate --reencrypt` first. Secrets that it cannot decrypt either"
            " are already lost; --lose-secrets retires the keys anyway"
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
        confirm(f"Permanently remove {output.count(lost, 'key')} from {file}?", yes=yes)
    with files.atomic_replace(file) as temporary:
        temporary.write_text(",".join(keys) + "\n", encoding="utf-8")


def _keys_in(file: Path) -> tuple[str, ...]:
    """Read the keys in a file. Fail if it holds anything else, so that it is not overwritten."""
    if not file.exists():
        return ()
    try:
        return parsers.secret_keys(file.read_text(encoding="utf-8").strip())
    except ValueError:
        raise click.ClickException(
            f"{file} does not hold secret keys: give the file of {VARIABLE}_FILE"
        ) from None


def _how_to_apply(file: Path | None) -> str:
    if file is None:
        return f"set {VARIABLE} to the printed keys"
    in_use = os.environ.get(f"{VARIABLE}_FILE")
    if in_use and Path(in_use).resolve() == file.resolve():
        return "copy the file to every other host"
    return f"set {VARIABLE}_FILE={file.resolve()} instead of {VARIABLE}"
