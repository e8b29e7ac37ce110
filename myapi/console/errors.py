"""Why the console refuses a form."""

REASONS = {
    "csrf": "This form is out of date. Go back, load the page again and repeat it.",
    "read_only": "Your link is for looking only: you cannot change anything.",
    "reason_missing": "Write a reason of 1 to 200 characters.",
}
STATUS = {"csrf": 403, "read_only": 403, "reason_missing": 400}


class Refused(Exception):  # noqa: N818
    """A form is refused; `name` is one of REASONS."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
