"""The search by nickname is over its index, and in the order of its pages, on each database."""

import pytest
from sqlalchemy import event

from myapi.extensions import db


@pytest.fixture
def statements(app):
    """Collect the statements that are executed, with their parameters."""
    found = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        found.append((statement, parameters))

    with app.app_context():
        engines = list(db.engines.values())
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield found
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.on_mysql
@pytest.mark.parametrize("query", [{"q": "小"}, {"q": "Tom"}, {"q": "小", "after": "5.小明"}])
def test_nickname_search_reads_its_index_in_the_order_of_the_page(
    app, operator, execute, statements, query
):
    rows = ", ".join(
        f"('{number:024x}', 'wxsandbox000000000', 'o{number}', '{nick}{number}', '2026-01-01')"
        for number in range(600)
        for nick in ("小" if number % 20 == 0 else "Tom" if number % 20 == 1 else "用户",)
    )
    execute(f"INSERT INTO users (public_id, appid, openid, nickname, created_at) VALUES {rows}")
    statements.clear()
    operator.get("users", query_string=query)
    ((statement, parameters),) = [
        each for each in statements if "ORDER BY" in each[0] and "users.nickname" in each[0]
    ]
    with app.app_context(), db.engine.connect() as connection:
        if db.engine.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            text = " ".join(row[3] for row in plan)
            assert "USING INDEX ix_myapi_users_nickname" in text
            assert "TEMP B-TREE" not in text
        else:
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).mappings().one()
            assert plan["key"] == "ix_myapi_users_nickname"
            assert "filesort" not in (plan["Extra"] or "")
