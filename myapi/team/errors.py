"""The error of own code that cannot be used."""

import click


class ExtensionError(click.ClickException, RuntimeError):
    """Something in `app/` is wrong; the message has every problem, one sentence each.

    The flask command prints a `ClickException`, and Gunicorn a `RuntimeError`, without a traceback.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        if len(problems) == 1:
            super().__init__(f"the code in app/ cannot be used: {problems[0]}")
        else:
            listed = "\n".join(f"  - {problem}" for problem in problems)
            super().__init__(f"the code in app/ cannot be used:\n{listed}")
