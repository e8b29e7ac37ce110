"""All that a team's own code in `app/` may import from myapi.

These names are the whole promise: they stay, and so does how they are called. Everything else may
change with each version. docs/decisions/0018-a-teams-own-code.md says what is not promised.
"""

from myapi.cli.command import Command, Group
from myapi.cli.output import print_line
from myapi.clock import iso, now
from myapi.concurrency import off_loop
from myapi.console.boxes import ConsoleBox, ConsolePage
from myapi.db.transactions import reading, transaction
from myapi.db.types import UtcDateTime, exact, id_column, user_id_column
from myapi.extensions import wechat
from myapi.messages.outbox import SentMessage
from myapi.messages.sending import send_message
from myapi.settings import AppSettings
from myapi.settings.environment import setting
from myapi.settings.parsers import integer, number, one_of, switch, text
from myapi.team.extension import Extension
from myapi.team.settings import settings
from myapi.team.tables import Base
from myapi.team.users import find_user
from myapi.team.wechat_events import on_event
from myapi.users.phone import phone_of
from myapi.web.access import caller, public
from myapi.web.endpoint import endpoint
from myapi.web.errors import ApiError, ErrorSpec
from myapi.web.field_errors import FieldError
from myapi.web.rate_limits import per_address, per_user
from myapi.wechat import TextScene, WeChatError

__all__ = [
    "ApiError",
    "AppSettings",
    "Base",
    "Command",
    "ConsoleBox",
    "ConsolePage",
    "ErrorSpec",
    "Extension",
    "FieldError",
    "Group",
    "SentMessage",
    "TextScene",
    "UtcDateTime",
    "WeChatError",
    "caller",
    "endpoint",
    "exact",
    "find_user",
    "id_column",
    "integer",
    "iso",
    "now",
    "number",
    "off_loop",
    "on_event",
    "one_of",
    "per_address",
    "per_user",
    "phone_of",
    "print_line",
    "public",
    "reading",
    "send_message",
    "setting",
    "settings",
    "switch",
    "text",
    "transaction",
    "user_id_column",
    "wechat",
]
