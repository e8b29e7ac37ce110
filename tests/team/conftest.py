"""The app with the team's own code in `example/`, which stands in a folder elsewhere."""

import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from myapi.extensions import Base
from myapi.settings import APP_FOLDER
from myapi.team import load
from myapi.team.loading import forget
from myapi.team.wechat_events import HANDLERS

EXAMPLE = Path(__file__).parent / "example"


@pytest.fixture
def write_app(tmp_path, monkeypatch):
    """Write files into an `app/` and have it found: `write_app({"__init__.py": "…"})`."""
    folder = tmp_path / "app"
    before = set(Base.metadata.tables)

    def write(files):
        for name, code in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(code, encoding="utf-8")
        monkeypatch.setenv(APP_FOLDER, str(folder))
        return folder

    yield write
    for table in [t for name, t in Base.metadata.tables.items() if name not in before]:
        Base.metadata.remove(table)  # other tests compare the tables with the migrations
    forget()
    HANDLERS.clear()


@pytest.fixture
def folder(write_app):
    """The example, in a folder of its own."""
    return write_app({file.name: file.read_text(encoding="utf-8") for file in EXAMPLE.glob("*.*")})


@pytest.fixture
def extension(folder):
    return load()


@pytest.fixture
def notes(extension):
    """The example's module."""
    return sys.modules["app.notes"]


@pytest.fixture
def tables(extension, database_url):
    """The example's tables, which a migration would have made."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    own = [Base.metadata.tables[name] for name in extension.tables]
    Base.metadata.create_all(engine, own)
    yield engine
    Base.metadata.drop_all(engine, own)
    for table in own:
        Base.metadata.remove(table)  # or `database_url` would empty them


@pytest.fixture
def app(make_app, extension, tables):
    return make_app(extension=extension)
