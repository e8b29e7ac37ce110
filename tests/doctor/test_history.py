"""What changed since the last run."""

import re

import pytest

from doctor import Result, Text, changes
from tests.doctor.example import GOOD, HSTS, URL, nginx, resolve, script


def test_only_changes_are_printed(pair, authority, tmp_path):
    file = tmp_path / "doctor.json"

    def run(front):
        return script(
            URL,
            "--from-outside",
            "--lang",
            "en",
            "--only",
            "route,hsts,port",
            "--ca",
            str(authority.file),
            "--changes",
            str(file),
            *resolve(front),
        )

    with nginx(pair, GOOD + HSTS) as front:
        first = run(front)
        assert (first.returncode, first.stdout) == (0, "")
    with nginx(pair, "return 404;") as front:
        broken = run(front)
        assert broken.returncode == 2
        assert "FAIL  route" in broken.stdout
        assert "  port" not in broken.stdout
        again = run(front)
        assert (again.returncode, again.stdout) == (2, "")
    assert "FAIL  port" in run(front).stdout  # nothing listens; of the route nothing is known
    with nginx(pair, GOOD + HSTS) as front:
        healed = run(front)
        assert (healed.returncode, "FAIL" in healed.stdout) == (0, False)
        assert re.findall(r"^ok +(\w+)", healed.stdout, re.MULTILINE) == ["port", "route", "hsts"]
        assert run(front).stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["doctor.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"statuses": 7}', '{"statuses": {"port": []}}'])
def test_broken_file_of_changes_is_replaced(tmp_path, text):
    file = tmp_path / "doctor.json"
    file.write_text(text)
    result = Result("port", "fail", *[Text("a", "甲")] * 3)
    assert changes([result], file) == [result]
    assert changes([result], file) == []
