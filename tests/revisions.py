"""The revisions of this checkout, asked of Alembic: a test that names one fails with the next."""

from alembic.script import ScriptDirectory

from myapi.settings import ROOT

_script = ScriptDirectory(str(ROOT / "migrations"))

HEAD = _script.get_current_head()
FIRST = _script.get_base()
REVISIONS = tuple(script.revision for script in _script.walk_revisions())  # the newest first
