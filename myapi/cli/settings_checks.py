"""The doctor's checks of the settings."""

import re
from collections.abc import Iterator

from flask import current_app

from doctor import (
    Check,
    Finding,
    Target,
    Text,
    check,
    fail,
    join,
    ok,
    printable,
    untranslated,
    warn,
)
from myapi.cli.command import SETTINGS_ERROR
from myapi.extensions import settings
from myapi.settings import SettingsError, unknown_variables

SETTINGS_UNUSABLE = Text(
    "the settings cannot be used, see the check settings", "配置不可用，见 settings 检查项"
)

PLACEHOLDER = re.compile(
    r"change.?me|example|placeholder|your.?(app|key|secret)|password|0123456789|x{6}|\.\.\.",
    re.IGNORECASE,
)


def usable_settings(_target: Target) -> Text | None:
    """What a check needs that reads a setting; the check `settings` reports the problems."""
    return SETTINGS_UNUSABLE if SETTINGS_ERROR in current_app.extensions else None


@check(
    "gateway",
    "failing",
    fault=Text("the settings are invalid", "配置无效"),
    fix=Text(
        "correct them in .env or the service's environment, and restart: the app does not start"
        " with wrong settings (.env.example explains each)",
        "在 .env 或服务的环境变量中改正后重启：配置有误时应用不会启动（各项说明见 .env.example）",
    ),
)
def settings_(target: Target) -> Finding:
    """Whether the settings can be used, and what they warn about."""
    error: SettingsError | None = current_app.extensions.get(SETTINGS_ERROR)
    if error is not None:
        return fail(untranslated(" | ".join(map(printable, error.problems))))
    own = [type(each) for each in settings().own]
    warnings = [*settings().warnings(), *unknown_variables(own=own)]
    if warnings:
        return warn(
            untranslated(" | ".join(map(printable, warnings))),
            Text(
                "correct them in .env or the service's environment, and restart",
                "在 .env 或服务的环境变量中改正后重启",
            ),
            Text("the settings give warnings", "配置有警告"),
        )
    return ok(untranslated(settings().env))


@check(
    "not_found",
    "login",
    fault=Text(
        "development mode or the sandbox serves a public domain", "公网域名上运行着开发模式或沙箱"
    ),
    needs=(usable_settings,),
    fix=Text(
        "set MYAPI_ENV=production with AppID, AppSecret and keys: development mode answers only"
        " its own machine, and the sandbox lets anyone log in as anyone",
        "设置 MYAPI_ENV=production 以及 AppID、AppSecret 和密钥：开发模式只响应本机，"
        "沙箱则允许任何人以任何身份登录",
    ),
)
def environment(target: Target) -> Finding:
    """Whether development mode or the sandbox serves a public domain."""
    config = settings()
    mode = Text("sandbox", "沙箱") if config.sandbox else untranslated(config.env)
    if config.production or not target.has_url or target.url.is_development:
        return ok(mode)
    return fail(join([mode, Text("on a public domain", "用在公网域名上")]))


@check(
    "unseen",
    "login",
    fault=Text("a secret is weak or malformed", "有密钥太弱或格式不对"),
    stops="nothing",
    needs=(usable_settings,),
    fix=Text(
        "`flask secrets generate` makes a key, `flask secrets rotate` puts it into"
        " use without logging anyone out; copy AppID and AppSecret from the mini program's console",
        "`flask secrets generate` 生成密钥，`flask secrets rotate` 换上它，用户不必重新登录；"
        "AppID 和 AppSecret 从小程序后台复制",
    ),
)
def secrets(target: Target) -> Finding:
    """Whether a secret is weak or copied from an example."""
    config = settings()
    weak = [f"MYAPI_SECRET_KEYS {n}" for n, key in enumerate(config.secret_keys, 1) if _weak(key)]
    if weak:
        return fail(
            Text(
                f"weak, or copied from an example: {', '.join(weak)}",
                f"太弱或照抄示例：{', '.join(weak)}",
            )
        )
    malformed = (
        [] if config.sandbox else list(_malformed(config.wechat_appid, config.wechat_secret))
    )
    if malformed:
        listed = ", ".join(malformed)
        return warn(
            Text(f"not in the format that WeChat issues: {listed}", f"不像微信发放的值：{listed}")
        )
    return ok(Text("no weak secret", "没有弱密钥"))


def _weak(key: str) -> bool:
    return len(set(key)) < 10 or bool(PLACEHOLDER.search(key))


def _malformed(appid: str, secret: str) -> Iterator[str]:
    if not re.fullmatch(r"wx[0-9a-f]{16}", appid):
        yield "MYAPI_WECHAT_APPID"
    if not re.fullmatch(r"[0-9a-f]{32}", secret) or len(set(secret)) < 8:
        yield "MYAPI_WECHAT_SECRET"


SETTINGS_CHECKS: list[Check] = [settings_, environment, secrets]
