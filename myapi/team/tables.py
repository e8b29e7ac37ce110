"""The tables of a team: how they are declared, and which they are."""

from collections.abc import Iterable, Iterator
from typing import Any

from myapi import extensions
from myapi.db.types import ON_MYSQL
from myapi.language import localized

RESERVED = "myapi_"  # how the names of myapi's own later tables begin


class Base(extensions.Base):
    """What a team's models inherit. On MySQL their tables are InnoDB with utf8mb4."""

    __abstract__ = True

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        """Add MySQL's options to the model's own `__table_args__`, which may be a dict or a tuple.

        Raises ValueError if myapi has a table of that name: SQLAlchemy's own message would advise
        to change that one.
        """
        name = vars(cls).get("__tablename__")
        if name in tables_of_myapi():
            raise ValueError(
                localized(
                    f"`{name}` is a table of myapi, choose another name",
                    f"`{name}` 是 myapi 的表，请换一个名字",
                )
            )
        given = vars(cls).get("__table_args__", ())
        *constraints, last = (given,) if isinstance(given, dict) else (*given, {})
        if constraints and isinstance(constraints[-1], dict):
            last = constraints.pop()
        cls.__table_args__ = (*constraints, {**ON_MYSQL, **last})
        super().__init_subclass__(**options)


def own_tables() -> frozenset[str]:
    """Return the names of the team's tables."""
    return frozenset(extensions.Base.metadata.tables.keys() - tables_of_myapi())


def tables_of_myapi() -> set[str]:
    models = (mapper.class_ for mapper in extensions.Base.registry.mappers)
    return {each.__tablename__ for each in models if each.__module__.startswith("myapi.")}


def check(names: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each table whose name is myapi's."""
    for name in sorted(names):
        if name.startswith(RESERVED):
            yield localized(
                f"the table `{name}`: names that begin with {RESERVED} are myapi's",
                f"表 `{name}`：以 {RESERVED} 开头的名字保留给 myapi",
            )
