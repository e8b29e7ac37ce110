"""The error of own code that cannot be used."""

import click

from myapi.language import localized


class ExtensionError(click.ClickException, RuntimeError):
    """Something in `app/` is wrong; the message has every problem, one sentence each.

    The flask command prints a `ClickException`, and Gunicorn a `RuntimeError`, without a traceback.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        heading = localized("the code in app/ cannot be used:", "app/ 里的代码有误：")
        if len(problems) == 1:
            super().__init__(localized(f"{heading} {problems[0]}", f"{heading}{problems[0]}"))
        else:
            listed = "\n".join(f"  - {problem}" for problem in problems)
            super().__init__(f"{heading}\n{listed}")
