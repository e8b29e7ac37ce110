"""The doctor's checks of WeChat's pushes."""

import secrets
import time
from typing import Any
from urllib.parse import urlencode

import sqlalchemy.exc

from doctor import Check, Finding, Target, Text, check, fail, needs, ok, printable, skip, warn
from myapi.cli.database_checks import database_exists
from myapi.cli.settings_checks import usable_settings
from myapi.db import schema_version
from myapi.extensions import settings, wechat
from myapi.push import listings
from myapi.push.keys import push_keys
from myapi.wechat import push
from myapi.wechat.errors import WeChatError

NO_URL_IN_CONSOLE = 40201


def pushes(_target: Target) -> Text | None:
    """The Token and the EncodingAESKey, or the sandbox's."""
    if push_keys() is None:
        return Text("MYAPI_WECHAT_PUSH_TOKEN is not set", "没有设置 MYAPI_WECHAT_PUSH_TOKEN")
    return None


def own_pushes(_target: Target) -> Text | None:
    """Pushes of WeChat itself: the sandbox has no console."""
    if settings().sandbox or not settings().wechat_push_token:
        return Text("no pushes of WeChat are set up", "没有设置微信推送")
    return None


def ready_database(target: Target) -> Text | None:
    missing = database_exists(target)
    if missing:
        return missing
    try:
        ready = schema_version.is_ready()
    except sqlalchemy.exc.SQLAlchemyError:
        ready = False
    return None if ready else Text("the database is not ready", "数据库没有就绪")


@check(
    "unseen",
    fault=Text("the URL of WeChat's pushes does not answer", "微信推送的 URL 没有正确响应"),
    stops="nothing",
    needs=(usable_settings, needs.url, pushes, needs.api),
    follows=("app", "database", "gateway", "route"),
    fix=Text(
        "restart the service after a change of MYAPI_WECHAT_PUSH_TOKEN; let Nginx pass"
        " /wechat/push on as it is, without a redirect or another site's answer",
        "修改 MYAPI_WECHAT_PUSH_TOKEN 之后要重启服务；Nginx 应把 /wechat/push 原样转给服务，"
        "不要跳转，也不要由别的网站响应",
    ),
)
def push_url(target: Target) -> Finding:
    """Whether the URL of the pushes answers a signed check, as WeChat makes it."""
    keys = needs.needed(push_keys())
    query = {"timestamp": str(int(time.time())), "nonce": secrets.token_hex(5)}
    signature = push.sign(keys.token, *query.values())
    sent = {**query, "signature": signature, "echostr": secrets.token_hex(8)}
    reply = target.call("GET", f"/wechat/push?{urlencode(sent)}")
    if reply.response is None:
        return fail(Text("no response to a signed check", "对带签名的验证没有响应"))
    if reply.response.status == 200 and reply.response.body == sent["echostr"].encode():
        return ok(Text("a signed check is answered", "正确响应了带签名的验证"))
    summary = reply.response.summary
    return fail(Text(f"a signed check gets {summary}", f"对带签名的验证返回 {summary}"))


@check(
    "unseen",
    fault=Text("WeChat cannot reach the URL of the pushes", "微信访问不到推送的 URL"),
    stops="nothing",
    needs=(usable_settings, own_pushes, ready_database),
    follows=("dns", "port", "wechat", "account", "allow_list"),
    fix=Text(
        "enter https://DOMAIN/wechat/push in the console (开发管理 → 消息推送), and check the"
        " domain's DNS and the firewall",
        "到小程序后台“开发管理 → 消息推送”填写 https://域名/wechat/push，并检查域名解析和防火墙",
    ),
)
def push_callback(target: Target) -> Finding:
    """Whether WeChat resolves and reaches the host that the console names for pushes."""
    wanted = {"action": "all", "check_operator": "DEFAULT"}
    try:
        said: dict[str, Any] = wechat().call("POST", "/cgi-bin/callback/check", json=wanted)
    except WeChatError as error:
        if error.errcode == NO_URL_IN_CONSOLE:
            return warn(Text("40201: the console has no URL", "40201：后台没有填写 URL"))
        shown = printable(f"{type(error).__name__} {error.errcode or ''}".strip())
        return skip(Text(f"WeChat did not check: {shown}", f"微信没有检查：{shown}"))
    except sqlalchemy.exc.SQLAlchemyError:
        return skip(Text("the database does not answer", "数据库没有响应"))
    names, pings = _entries(said, "dns"), _entries(said, "ping")
    if not names:
        return warn(Text("WeChat finds no address of the host", "微信解析不到主机的地址"))
    lost = [str(each.get("ip", "?")) for each in pings if each.get("package_loss") == "100%"]
    if lost:
        listed = printable(", ".join(lost))
        return warn(Text(f"WeChat gets no ping from {listed}", f"微信 ping 不通 {listed}"))
    listed = printable(", ".join(str(each.get("ip", "?")) for each in names))
    return ok(Text(f"WeChat finds {listed}", f"微信解析到 {listed}"))


@check(
    "unseen",
    fault=Text("events of WeChat were not handled", "有微信事件没有处理"),
    stops="nothing",
    needs=(usable_settings, ready_database),
    fix=Text(
        "`flask events list --state failed` and the log (event_failed) say why; correct the"
        " handler, then `flask events retry ID`. Waiting ones need `flask events run` on a timer:"
        " myapi-events.timer, or `flask jobs run`",
        "`flask events list --state failed` 和日志（event_failed）说明原因；改好处理函数后执行"
        " `flask events retry ID`。等待中的事件要由定时器运行 `flask events run`："
        "myapi-events.timer 或 `flask jobs run`",
    ),
)
def push_backlog(target: Target) -> Finding:
    """Whether events have failed for good, or wait for more than an hour."""
    failed, late = listings.backlog()
    if not failed and not late:
        return ok(Text("no event waits", "没有积压的事件"))
    return warn(
        Text(
            f"{failed} failed, {late} waiting for more than an hour",
            f"失败 {failed} 个，等待超过一小时的 {late} 个",
        )
    )


PUSH_CHECKS: list[Check] = [push_url, push_callback, push_backlog]


def _entries(said: dict[str, Any], name: str) -> list[dict[str, Any]]:
    entries = said.get(name)
    return [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
