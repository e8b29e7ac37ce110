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
from myapi.language import localized
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
NEXT_IN_CHINESE = {
    "add": """\
第 1 步（共 3 步），add：新密钥排在最前，可验证 token；旧密钥仍用于签名。
接下来：{apply}，重启每台服务器上的服务，然后再次运行 `flask secrets rotate` 进行第 2 步。""",
    "sign": """\
第 2 步（共 3 步），sign：新密钥排在最后，开始用于签名。
这一步要在所有服务都重启之后做：没有重启的服务会拒绝新 token。
接下来：{apply}，重启每台服务器上的服务，然后运行 `flask secrets rotate --reencrypt`。
{days} 天后不再有旧密钥签发的 token：届时运行 `flask secrets rotate` 进行第 3 步。""",
    "retire": """\
第 3 步（共 3 步），retire：只留下最后一个密钥。旧密钥签发的 token 会被拒绝，手机会重新登录。
第 2 步之后 {days} 天（MYAPI_SESSION_MAX_DAYS），不再有这样的 token。
接下来：{apply}，并重启每台服务器上的服务。""",
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
            raise click.UsageError(
                localized(
                    "--reencrypt cannot be combined with --step or --write",
                    "--reencrypt 不能与 --step 或 --write 一起使用",
                )
            )
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
            confirm(
                localized(
                    "Has every process been restarted since the new key was added?",
                    "加入新密钥之后，每台服务器上的服务都重启了吗？",
                ),
                yes=yes,
            )
        _write(file, keys, yes=yes)
    audit.record_now("key_rotation", step=step_taken)
    days = settings().session_max_days
    text = localized(NEXT[step_taken], NEXT_IN_CHINESE[step_taken])
    output.print_line(text.format(apply=_how_to_apply(file), days=days), err=True)


def _reencrypt() -> None:
    total = _sum(with_pauses(resealing.reseal()), "read")
    audit.record_now("reencrypt", moved=total.resealed, unreadable=total.unreadable)
    secrets = output.count(total.seen, "stored secret")
    output.print_line(
        localized(
            f"{total.resealed} of {secrets} re-encrypted with the last key",
            f"已存储的 {total.seen} 项加密内容中，有 {total.resealed} 项改用最后一个密钥重新加密",
        )
    )
    if total.unreadable:
        output.print_line(
            localized(
                f"{total.unreadable} cannot be decrypted with any key: is one missing from"
                f" {VARIABLE}? If not, there is nothing to do: the next login stores a new"
                " session_key",
                f"有 {total.unreadable} 项用任何密钥都无法解密：{VARIABLE} 是否缺了密钥？"
                "若没有缺，则无需处理：用户下次登录会存入新的 session_key",
            ),
            err=True,
        )


def _refuse_to_lose_secrets(keys: Sequence[str]) -> None:
    lost = _sum(resealing.survey(keys), "checked").unreadable
    if lost:
        raise click.ClickException(
            localized(
                f"the last key alone cannot decrypt {output.count(lost, 'stored secret')}:"
                " run `flask secrets rotate --reencrypt` first. Secrets that it cannot decrypt"
                " either are already lost; --lose-secrets retires the keys anyway",
                f"只用最后一个密钥，有 {lost} 项已存储的内容无法解密：请先运行"
                " `flask secrets rotate --reencrypt`。它也无法解密的内容已经丢失；"
                "加 --lose-secrets 可照样移除旧密钥",
            )
        )


def _sum(batches: Iterable[Progress], done: str) -> Progress:
    total = Progress(0, 0, 0)
    for batch in batches:
        total = Progress(*map(sum, zip(total, batch, strict=True)))
        progress = f"{output.count(total.seen, 'stored secret')} {done}"
        output.progress(localized(progress, f"已处理 {total.seen} 项"))
    output.progress("")
    return total


def _write(file: Path, keys: Sequence[str], *, yes: bool) -> None:
    lost = len(set(_keys_in(file)) - set(keys))
    if lost:
        question = f"Permanently remove {output.count(lost, 'key')} from {file}?"
        confirm(localized(question, f"从 {file} 中永久删除 {lost} 个密钥？"), yes=yes)
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
            localized(
                f"{file} does not hold secret keys: give the file of {VARIABLE}_FILE",
                f"{file} 中不是密钥：请给出 {VARIABLE}_FILE 的文件",
            )
        ) from None


def _how_to_apply(file: Path | None) -> str:
    if file is None:
        return localized(f"set {VARIABLE} to the printed keys", f"把 {VARIABLE} 设为上面输出的密钥")
    in_use = os.environ.get(f"{VARIABLE}_FILE")
    if in_use and Path(in_use).resolve() == file.resolve():
        return localized("copy the file to every other host", "把该文件复制到其他每台服务器")
    variable = f"{VARIABLE}_FILE={file.resolve()}"
    return localized(f"set {variable} instead of {VARIABLE}", f"设置 {variable}，代替 {VARIABLE}")
