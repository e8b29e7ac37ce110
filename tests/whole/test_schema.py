"""Checks of the whole, with a team's own code where there is some: migrations, keys, exports."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from myapi.extensions import Base, db
from myapi.users import export

USERS = "users.id"


def keys_to_users():
    """Return the foreign keys to users, each with the name of its table."""
    found = [
        (table.name, key)
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.target_fullname == USERS
    ]
    assert found
    return found


def test_migrations_make_the_tables_of_the_models(app):
    def is_ours(_object, name, kind, _reflected, _compare_to):
        return kind != "table" or name in Base.metadata.tables

    with app.app_context(), db.engine.connect() as connection:
        options = {"compare_type": True, "include_object": is_ours}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_erasing_a_user_erases_the_rows_that_belong_to_the_user(app):
    kept = [name for name, key in keys_to_users() if key.ondelete != "CASCADE"]
    assert kept == [], "give the column ON DELETE CASCADE: user_id_column()"


def test_every_table_of_a_user_is_exported_under_its_name(app):
    missing = {name for name, _ in keys_to_users()} - export.fields_of(app)
    assert missing == set(), "add them to `exports` in app/__init__.py"
