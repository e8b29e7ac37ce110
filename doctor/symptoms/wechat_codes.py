"""WeChat's errcodes, as they stand in the server's log and in WeChat's answers."""

from __future__ import annotations

from doctor.symptoms.symptom import Symptom, numbers
from doctor.texts import Text

#: Numbers that the API uses too are WeChat's only behind the word errcode.
_ERRCODE = r"errcode\W{0,4}"
#: The text is about a phone number, where WeChat's numbers mean something else.
_PHONE_CODE = r"^(?=.*(?:phone.?(?:code|number)|手机号))"

WECHAT_CODES: dict[str, Symptom] = {
    "phone_code_wrong": Symptom(
        Text(
            "errcode 40029 for a phone code: invalid code",
            "手机号 code 返回 errcode 40029：invalid code，code 无效",
        ),
        Text(
            "WeChat does not accept the code for a phone number: a code of wx.login was sent in its"
            " place, it was used before, or it is older than 5 minutes. Send e.detail.code of"
            " bindgetphonenumber at once, and once; to try again, the user taps the button again.",
            "微信不接受获取手机号的 code：误传了 wx.login 的 code，"
            "或者 code 已经用过、超过 5 分钟。请立即发送 bindgetphonenumber 的 e.detail.code，"
            "只发一次；要再试，让用户重新点按钮。",
        ),
        rf"{_PHONE_CODE}.*{numbers(40029)}",
    ),
    "phone_code_foreign": Symptom(
        Text(
            "errcode 40013 for a phone code: it belongs to another AppID",
            "手机号 code 返回 errcode 40013：code 属于另一个 AppID",
        ),
        Text(
            "The code for a phone number was made in another mini program. Is the AppID of the"
            " project in the developer tool (详情 → 基本信息) the server's MYAPI_WECHAT_APPID?"
            " Often a test version calls the production server.",
            "获取手机号的 code 来自另一个小程序。开发者工具里项目的 AppID（详情 → 基本信息）和"
            "服务器的 MYAPI_WECHAT_APPID 一致吗？常见原因是测试小程序访问了生产服务器。",
        ),
        rf"{_PHONE_CODE}.*{numbers(40013)}",
        checks=("environment", "account"),
    ),
    "openid_unknown": Symptom(
        Text("errcode 40003: invalid openid", "errcode 40003：invalid openid，openid 无效"),
        Text(
            "The openid is not one of this AppID: the user has logged in through another mini"
            " program, or MYAPI_WECHAT_APPID has changed since. Log in again with wx.login.",
            "openid 不属于这个 AppID：用户是通过另一个小程序登录的，"
            "或者之后换过 MYAPI_WECHAT_APPID。用 wx.login 重新登录。",
        ),
        rf"{_ERRCODE}40003(?!\d)|invalid openid",
        checks=("environment", "account"),
    ),
    "code_wrong": Symptom(
        Text("errcode 40029: invalid code", "errcode 40029：invalid code，code 无效"),
        Text(
            "WeChat does not know the login code for this AppID. Is the AppID of the project in the"
            " developer tool (详情 → 基本信息) the server's MYAPI_WECHAT_APPID? If it is, the code"
            " was older than 5 minutes, or a phone number's code was sent in its place.",
            "微信不认识这个 AppID 的登录 code。开发者工具里项目的 AppID（详情 → 基本信息）和"
            "服务器的 MYAPI_WECHAT_APPID 一致吗？如果一致，就是 code 超过了 5 分钟，"
            "或者误传了获取手机号的 code。",
        ),
        numbers(40029) + r"|invalid code\b|code ?无效",
        checks=("account", "environment"),
    ),
    "code_used": Symptom(
        Text("errcode 40163: code been used", "errcode 40163：code been used，code 已被使用"),
        Text(
            "The login code was used before. Use one code for one login: call wx.login again for"
            " each, send it once, and let neither the page nor a proxy send the request twice."
            " Slow answers make phones send it again.",
            "登录 code 已经用过。一个 code 只能登录一次：每次登录都重新调用 wx.login，"
            "code 只发送一次，页面和代理都不要重复发送同一个请求。"
            "响应慢也会让手机重发请求。",
        ),
        numbers(40163) + r"|code been used|code ?已(经)?被?(使用|用过)",
        checks=("latency",),
    ),
    "quota": Symptom(
        Text(
            "errcode 45011 or 45009: WeChat's quota is used up",
            "errcode 45011 或 45009：超过微信的调用频率或次数限制",
        ),
        Text(
            "WeChat was asked too often: 45011 passes within a minute, 45009 lasts until midnight."
            " Log in once per start of the mini program, not once per request.",
            "调用微信接口过于频繁：45011 一分钟内恢复，45009 要到零点恢复。"
            "每次启动小程序只登录一次，不要每个请求都登录。",
        ),
        numbers(45011, 45009) + r"|api (minute-quota|freq)|quota reach",
        checks=("account",),
    ),
    "appid": Symptom(
        Text("errcode 40013: invalid appid", "errcode 40013：invalid appid，AppID 不正确"),
        Text(
            "WeChat does not know the AppID that the server sends, or none was sent (41002). Copy"
            " it again from the console (开发管理 → 开发设置) to MYAPI_WECHAT_APPID.",
            "微信不认识服务器发送的 AppID，或者没有发送（41002）。"
            "到小程序后台（开发管理 → 开发设置）重新复制到 MYAPI_WECHAT_APPID。",
        ),
        numbers(40013, 41002) + r"|invalid appid|appid missing",
        checks=("account", "settings", "secrets"),
    ),
    "secret": Symptom(
        Text("errcode 40125: invalid appsecret", "errcode 40125：invalid appsecret，密钥不正确"),
        Text(
            "The AppSecret does not belong to the AppID, or none was sent (41004). Reset it in the"
            " console (开发管理 → 开发设置), and put the new one into MYAPI_WECHAT_SECRET.",
            "AppSecret 和 AppID 不匹配，或者没有发送（41004）。"
            "到小程序后台（开发管理 → 开发设置）重置，再写入 MYAPI_WECHAT_SECRET。",
        ),
        numbers(40125, 41004) + r"|invalid appsecret|appsecret missing",
        checks=("account", "secrets", "settings"),
    ),
    "secret_frozen": Symptom(
        Text("errcode 40243: AppSecret is frozen", "errcode 40243：AppSecret 已被冻结"),
        Text(
            "The AppSecret is frozen. Unfreeze or reset it in the console (开发管理 → 开发设置).",
            "AppSecret 被冻结了。到小程序后台（开发管理 → 开发设置）解冻或重置。",
        ),
        numbers(40243) + r"|appsecret.{0,20}frozen|冻结",
        checks=("account",),
    ),
    "allow_list": Symptom(
        Text(
            "errcode 40164: invalid ip, not in whitelist", "errcode 40164：服务器 IP 不在白名单中"
        ),
        Text(
            "The server's address is not on the IP allow list in the console (开发管理 → 开发设置 →"
            " IP 白名单). Logins still work; phone numbers, messages and content checks do not.",
            "服务器的 IP 不在小程序后台的白名单里（开发管理 → 开发设置 → IP 白名单）。"
            "登录不受影响，手机号、消息和内容审核会失败。",
        ),
        numbers(40164) + r"|white ?list|allow list|白名单",
        checks=("allow_list",),
    ),
    "code_missing": Symptom(
        Text("errcode 41008: missing code", "errcode 41008：missing code，缺少 code"),
        Text(
            "No login code was sent. Send the code that success of wx.login gives, as"
            ' {"code": "…"} in JSON.',
            '没有发送登录 code。把 wx.login 的 success 给出的 code 以 JSON 发送：{"code": "…"}。',
        ),
        numbers(41008) + r"|missing code|缺少 ?code",
        checks=("body_limit", "redirect"),
    ),
    "access_token": Symptom(
        Text(
            "errcode 40001, 40014 or 42001: access_token is invalid or expired",
            "errcode 40001、40014 或 42001：access_token 无效或已过期",
        ),
        Text(
            "WeChat refuses the server's access_token. The server gets a new one by itself; if it"
            " keeps happening, another program asks for tokens of this AppID with force_refresh or"
            " the old interface.",
            "微信拒绝了服务器的 access_token。服务器会自己重新获取；如果一直出现，"
            "说明另有程序在用 force_refresh 或旧接口获取同一个 AppID 的 token。",
        ),
        numbers(40014, 42001)
        + rf"|{_ERRCODE}40001(?!\d)|access_token.{{0,20}}(invalid|expired|过期)",
        checks=("account", "allow_list", "wechat"),
    ),
    "not_authorised": Symptom(
        Text("errcode 48001: api unauthorized", "errcode 48001：api unauthorized，没有接口权限"),
        Text(
            "This mini program may not use the interface: phone numbers, for one, need a verified"
            " company account. The server is not at fault.",
            "这个小程序没有该接口的权限：例如获取手机号需要已认证的企业主体。与服务器无关。",
        ),
        numbers(48001) + r"|api unauthorized",
    ),
    "page_unreleased": Symptom(
        Text(
            "errcode 41030, 40165 or 85079: the page is not in the released version",
            "errcode 41030、40165 或 85079：已发布的版本里没有这个页面",
        ),
        Text(
            "A mini program code, a link or a message opens a page that the released version does"
            " not have. Write it as in app.json, or release it first. The server is not at fault.",
            "小程序码、链接或订阅消息要打开的页面，已发布的版本里没有。"
            "页面要与 app.json 中写法相同，或先发布。与服务器无关。",
        ),
        numbers(41030, 40165, 85079) + r"|invalid weapp pagepath|no online release",
    ),
    "links_forbidden": Symptom(
        Text(
            "errcode 85407 or 85408: no right to make links",
            "errcode 85407 或 85408：没有权限生成链接",
        ),
        Text(
            "The mini program may not make links: it belongs to a person, or WeChat has banned it."
            " See the messages in the console. The server is not at fault.",
            "这个小程序没有权限生成链接：个人主体没有该权限，或已被微信封禁。"
            "查看小程序后台的通知。与服务器无关。",
        ),
        numbers(85407, 85408) + r"|no scheme permission",
    ),
    "message_refused": Symptom(
        Text(
            "errcode 43101: user refuse to accept the msg",
            "errcode 43101：user refuse to accept the msg，用户拒收",
        ),
        Text(
            "The user permits no message of this template: refused it, turned it off in the"
            " settings of the mini program, or each permission was used. One permission is one"
            " message. Ask again on the phone. If users who have just accepted get none, another"
            " program sends to them too, or the template belongs to another AppID.",
            "用户没有允许发送这个模板的消息：拒绝了、在小程序的设置里关掉了，或者允许的次数已用完"
            "（同意一次只能发一条）。请在手机上再次征得同意。如果刚同意的用户也收不到，"
            "说明另有程序在给他们发消息，或者模板属于另一个 AppID。",
        ),
        numbers(43101) + r"|user refuse to accept the msg|用户拒收",
    ),
    "messages_banned": Symptom(
        Text(
            "errcode 43107: WeChat has banned the subscribe messages of this mini program",
            "errcode 43107：小程序的订阅消息能力已被微信封禁",
        ),
        Text(
            "WeChat has taken the right to send messages, often after complaints. See the messages"
            " in the console. The queue waits for a day; the server is not at fault.",
            "微信封禁了发送消息的权限，常见原因是用户投诉。查看小程序后台的通知。"
            "排队的消息会在一天内重试；与服务器无关。",
        ),
        numbers(43107),
    ),
    "message_at_a_time": Symptom(
        Text(
            "errcode 43108: two messages to one user at the same time",
            "errcode 43108：同时给同一个用户发送了两条消息",
        ),
        Text(
            "WeChat takes one message at a time to a user, and this server keeps to it. So another"
            " program sends with the same AppID: let only one of them send.",
            "微信对同一个用户一次只接受一条消息，本服务遵守这一点。"
            "所以另有程序在用同一个 AppID 发送：只应由其中一个发送。",
        ),
        numbers(43108),
    ),
    "message_values": Symptom(
        Text(
            "errcode 47003: argument invalid, a value of the message breaks a rule",
            "errcode 47003：argument invalid，消息的某个值不符合要求",
        ),
        Text(
            "The keys and values of `data` must be those of the template, such as thing1 or date2:"
            " see 详情 of the template in the console. WeChat's errmsg names the key. The guide"
            " docs/guides/subscribe-messages.md has the rule of each kind.",
            "`data` 的键和值要与模板一致，例如 thing1、date2：见小程序后台模板的“详情”。"
            "微信的 errmsg 会写出是哪个键。"
            "每种值的要求见 docs/guides/subscribe-messages.zh-CN.md。",
        ),
        numbers(47003) + r"|argument invalid! data",
    ),
    "template_unknown": Symptom(
        Text(
            "errcode 40037: invalid template_id",
            "errcode 40037：invalid template_id，模板 ID 无效",
        ),
        Text(
            "WeChat does not know the template: the id was cut or mistyped, the template was"
            " deleted in the console (功能 → 订阅消息), or it belongs to another AppID than the"
            " server's MYAPI_WECHAT_APPID.",
            "微信没有这个模板：ID 不完整或写错了，模板已在小程序后台（功能 → 订阅消息）删除，"
            "或者它所属的 AppID 不是服务器的 MYAPI_WECHAT_APPID。",
        ),
        numbers(40037) + r"|invalid template.?id",
        checks=("account", "environment"),
    ),
    "message_words": Symptom(
        Text(
            "errcode 45168: the message has words that WeChat forbids",
            "errcode 45168：消息中有微信禁止的敏感词",
        ),
        Text(
            "A value of the message has a sensitive word. If users have written it, have it checked"
            " before it is stored, or leave it out. The permission was not used.",
            "消息的某个值里有敏感词。如果是用户写的内容，存储之前先检查，或者不要放进消息。"
            "允许的次数没有用掉。",
        ),
        numbers(45168),
    ),
    "busy": Symptom(
        Text(
            "errcode -1: WeChat's system is busy",
            "errcode -1：微信系统繁忙",
        ),
        Text(
            "From WeChat's server: its system is busy, so try again later. Inside request:fail on a"
            " phone the same number means that the connection failed.",
            "来自微信服务器时：系统繁忙，稍后重试。出现在手机的 request:fail 里时：连接失败。",
        ),
        rf"^(?!.*request:?\s?fail)(?:.*{_ERRCODE}|\W*)-1(?!\d)|system (is )?busy|系统(错误|繁忙)",
        checks=("wechat", "port", "tls"),
    ),
}
