"""The argument USER of commands: a public id, an openid, a unionid or a nickname."""

import re
from collections.abc import Callable
from typing import Any

import click
from sqlalchemy import Row

from myapi.auth import listings
from myapi.auth.listings import MOST_CANDIDATES, SEARCH_TIME, Search
from myapi.cli.options import confirm
from myapi.cli.output import print_line, printable, progress
from myapi.cli.times import for_people
from myapi.clock import iso
from myapi.language import localized
from myapi.users import accounts
from myapi.users.accounts import UserRow

#: Text of this form is never looked up as a nickname. Otherwise a user could take the id of an
#: erased user as nickname, and be meant by it.
IDENTIFIER = re.compile(r"[\w-]{24,}", re.ASCII)


def get_user(reference: str, *, say: bool = True) -> UserRow:
    """Return the user that a command shows, or end the command with an error.

    A nickname counts if exactly one user has it; the user found is named on stderr if `say`.
    """
    user = _by_identifier(reference)
    if user is None:
        user = _by_nickname(reference)
        if say:
            print_line(localized("found ", "找到 ") + described(user), err=True)
    return user


def get_user_to_change(reference: str, *, yes: bool = False, ask: bool = True) -> UserRow:
    """Return the user that a command changes, or end the command with an error.

    Users choose their nicknames and may change them at any time. So a user found by nickname is
    named and confirmed first, unless the command itself asks. `yes` does not answer that: a script
    cannot see who is meant.
    """
    user = _by_identifier(reference)
    if user is not None:
        return user
    user = _by_nickname(reference)
    if yes:
        refusal = localized("--yes takes no nickname, give the id: ", "--yes 不接受昵称，请用 ID：")
        raise click.ClickException(refusal + described(user))
    who = described(user)
    if ask:
        question = localized(f"Do you mean {who}?", f"是指 {who}？")
        confirm(question, yes=False, way_out=localized("give the id", "请用 ID"))
    return user


def described(user: UserRow | Row[Any]) -> str:
    """Return what tells a user from others: the id, the nickname and the time of the sign-up."""
    nickname = f" {printable(user.nickname)}" if user.nickname else ""
    created = for_people(iso(user.created_at), utc=False)
    when = localized(f" (created {created})", f"（注册：{created}）")
    return f"{user.public_id}{nickname}{when}"


def _by_identifier(reference: str) -> UserRow | None:
    """Find a user by id, openid or unionid; return None if it can only be a nickname."""
    user = accounts.find(reference)
    if user is None and IDENTIFIER.fullmatch(reference):
        return _only(_searched(listings.with_unionid, reference))
    return user


def _by_nickname(nickname: str) -> UserRow:
    return _only(_searched(listings.with_nickname, nickname))


def _searched(search: Callable[[str], Search], name: str) -> Search:
    progress(localized("reading all users", "正在查找所有用户"))
    found = search(name)
    progress("")
    return found


def _only(search: Search) -> UserRow:
    """Return the one user that was found, or end the command and list who may be meant."""
    if len(search.users) > 1 or (search.users and not search.complete):
        raise click.ClickException(_candidates(search))
    user = accounts.find(search.users[0].public_id) if search.users else None
    if user is None:
        raise click.ClickException(_not_found(search))
    return user


def _candidates(search: Search) -> str:
    head = localized(
        "several users may be meant, give the id of one:", "有多个用户符合，请给出其中一个的 ID："
    )
    lines = [f"  {described(row)}" for row in search.users[:MOST_CANDIDATES]]
    if len(search.users) > MOST_CANDIDATES:
        lines.append(localized("  and more", "  还有更多"))
    if not search.complete:
        lines.append(f"  {_ended_early()}")
    return "\n".join([head, *lines])


def _not_found(search: Search) -> str:
    text = localized("there is no such user", "没有这个用户")
    return text if search.complete else f"{text}; {_ended_early()}"


def _ended_early() -> str:
    return localized(
        f"the search ended after {SEARCH_TIME:.0f} s, before the oldest users:"
        " give the id or the openid",
        f"查找在 {SEARCH_TIME:.0f} 秒后停止，未查到最早的用户：请用 ID 或 openid",
    )
