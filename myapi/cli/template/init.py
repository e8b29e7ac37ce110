"""All that we add to myapi."""

from app import notes
from myapi.extend import ErrorSpec, Extension

extension = Extension(
    blueprints=[notes.bp],
    commands=[notes.group],
    settings=[notes.Settings],
    errors={
        "notes_full": ErrorSpec(
            status=409,
            code=40950,
            msg="You have too many notes.",
            msg_zh="笔记数量已达上限。",
        ),
    },
    exports={"notes": notes.held_about},
)
