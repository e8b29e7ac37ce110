"""Notes: each user keeps their own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import click
from flask import Blueprint
from msgspec import Meta, Struct, to_builtins
from sqlalchemy import Connection, String, delete, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from myapi.extend import (
    ApiError,
    AppSettings,
    Base,
    Group,
    UtcDateTime,
    caller,
    endpoint,
    find_user,
    id_column,
    integer,
    iso,
    now,
    per_user,
    print_line,
    reading,
    setting,
    settings,
    transaction,
    user_id_column,
)

bp = Blueprint("notes", __name__, url_prefix="/api/notes")


@dataclass(frozen=True)
class Settings(AppSettings):
    notes_max: int = setting(100, integer(1, 10_000))  # APP_NOTES_MAX


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = id_column()
    user_id: Mapped[int] = user_id_column()  # erasing the user deletes the row
    text: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class NoteRequest(Struct):
    text: Annotated[str, Meta(min_length=1, max_length=200, examples=["milk"])]


class NoteOut(Struct):
    id: int
    text: str
    created_at: str


class NoteList(Struct):
    notes: list[NoteOut]


# Each route needs a session, since none is marked @public: caller() says whose it is.


@bp.get("")
@endpoint(returns=NoteList)
def show() -> NoteList:
    """Show my notes, newest first."""
    with reading() as connection:
        return NoteList(notes_of(connection, caller().user_id))


@bp.post("")
@per_user("30/minute")
@endpoint(body=NoteRequest, returns=NoteOut, errors=("notes_full",))
def add(body: NoteRequest) -> NoteOut:
    """Add to my notes."""
    return add_note(caller().user_id, body.text)


@bp.delete("/<int(max=999999999999):note_id>")  # a database refuses numbers without end
@endpoint(errors=("not_found",))
def remove(note_id: int) -> None:
    """Delete one of my notes."""
    delete_note(caller().user_id, note_id)


# Each function under @transaction commits at its end, and rolls back if it raises.


@transaction
def add_note(tx: Connection, user_id: int, text: str) -> NoteOut:
    mine = select(func.count()).select_from(Note).where(Note.user_id == user_id)
    if tx.scalars(mine).one() >= settings(Settings).notes_max:
        raise ApiError("notes_full")
    moment = now()
    added = tx.execute(insert(Note).values(user_id=user_id, text=text, created_at=moment))
    return NoteOut(added.lastrowid, text, iso(moment))


@transaction
def delete_note(tx: Connection, user_id: int, note_id: int) -> None:
    # With the user in the condition nobody can delete, or find, what is another's.
    mine = Note.user_id == user_id
    deleted = tx.execute(delete(Note).where(Note.id == note_id, mine))
    if deleted.rowcount == 0:
        raise ApiError("not_found")


def notes_of(connection: Connection, user_id: int) -> list[NoteOut]:
    mine = select(Note).where(Note.user_id == user_id)
    rows = connection.execute(mine.order_by(Note.id.desc()))
    return [NoteOut(row.id, row.text, iso(row.created_at)) for row in rows]


def held_about(connection: Connection, user_id: int) -> Any:  # noqa: ANN401 (JSON of any shape)
    """Return what `flask users export` has of a user."""
    return to_builtins(notes_of(connection, user_id))


@click.group("notes", cls=Group)
def group() -> None:
    """Read the notes of users."""


@group.command("show")
@click.argument("user")
def show_notes(user: str) -> None:
    """Print the notes of USER, who is given by public id or openid."""
    with reading() as connection:
        for note in notes_of(connection, find_user(user).user_id):
            # !r: users may have written characters that control the terminal.
            print_line(f"{note.id}  {note.created_at}  {note.text!r}")
