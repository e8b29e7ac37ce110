"""Notes: each user keeps their own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import click
from flask import Blueprint
from msgspec import Meta, Struct
from sqlalchemy import Connection, String, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from myapi.extend import (
    ApiError,
    AppSettings,
    Base,
    Group,
    UtcDateTime,
    caller,
    endpoint,
    exact,
    find_user,
    id_column,
    integer,
    iso,
    now,
    per_address,
    per_user,
    print_line,
    public,
    reading,
    setting,
    settings,
    text,
    transaction,
    user_id_column,
)

bp = Blueprint("notes", __name__, url_prefix="/api/notes")


@dataclass(frozen=True)
class Settings(AppSettings):
    notes_max: int = setting(100, integer(1, 10_000))
    notes_greeting: str = setting("Welcome!", text)
    notes_key: str = setting("", text, secret=True)


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = id_column()
    user_id: Mapped[int] = user_id_column()  # erasing the user deletes the row
    text: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ErasedPictures(Base):
    """Pictures in object storage that have to be deleted there, since their user is erased."""

    __tablename__ = "erased_pictures"

    id: Mapped[int] = id_column()
    folder: Mapped[str] = mapped_column(exact(32))


class NoteRequest(Struct):
    text: Annotated[str, Meta(min_length=1, max_length=200, examples=["milk"])]


class NoteOut(Struct):
    text: str
    created_at: str


class NotesOut(Struct):
    notes: list[NoteOut]


@bp.post("")
@per_user("30/minute")
@endpoint(body=NoteRequest, returns=NotesOut, errors=("notes_full",))
def add(body: NoteRequest) -> NotesOut:
    """Add a note of mine."""
    return NotesOut(add_note(body.text))


@bp.get("")
@endpoint(returns=NotesOut)
def show() -> NotesOut:
    """Show my notes."""
    with reading() as connection:
        return NotesOut(notes_of(connection, caller().user_id))


@bp.get("/count")
@public
@per_address("3/minute")
@endpoint(returns=dict[str, int])
def count() -> dict[str, int]:
    """Count the notes of all users."""
    with reading() as connection:
        return {"notes": connection.scalar(select(func.count()).select_from(Note)) or 0}


@transaction
def add_note(tx: Connection, text: str) -> list[NoteOut]:
    mine = notes_of(tx, caller().user_id)
    if len(mine) >= settings(Settings).notes_max:
        raise ApiError("notes_full", reason="a test of the limit")
    moment = now()
    tx.execute(insert(Note).values(user_id=caller().user_id, text=text, created_at=moment))
    return [*mine, NoteOut(text, iso(moment))]


@transaction
def welcome(tx: Connection, user_id: int) -> None:
    """Give a new user a first note."""
    greeting = settings(Settings).notes_greeting
    tx.execute(insert(Note).values(user_id=user_id, text=greeting, created_at=now()))


def notes_of(connection: Connection, user_id: int) -> list[NoteOut]:
    found = select(Note).where(Note.user_id == user_id).order_by(Note.id)
    return [NoteOut(note.text, iso(note.created_at)) for note in connection.execute(found)]


def held_about(connection: Connection, user_id: int) -> list[Any]:
    return [note.text for note in notes_of(connection, user_id)]


def remember_erasure(tx: Connection, user_id: int) -> None:
    tx.execute(insert(ErasedPictures).values(folder=f"notes/{user_id}"))


@click.group("notes", cls=Group)
def group() -> None:
    """Read notes."""


@group.command("show")
@click.argument("user")
def show_notes(user: str) -> None:
    """Print the notes of a user: a public id or an openid."""
    with reading() as connection:
        for note in notes_of(connection, find_user(user).user_id):
            print_line(f"{note.created_at} {note.text}")
