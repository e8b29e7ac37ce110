"""Names without a number of WeChat's: the client's own errors, and what the log says to review.

The client's other errors share a symptom with what the phone says: `tls` with the certificate's,
`domain_not_listed` with the list's.
"""

from __future__ import annotations

from doctor.symptoms.symptom import Symptom, numbers, word
from doctor.texts import Text


def _client(name: str, code: int, meaning: Text, *checks: str, wordings: str = "") -> Symptom:
    """Name an error that `miniprogram/myapi` makes by itself; `code` is the client's number."""
    return Symptom(
        Text(f"error {name} (code {code})", f"error 为 {name}（code {code}）"),
        meaning,
        word(name) + (f"|{wordings}" if wordings else ""),
        checks=checks,
    )


NAMES: dict[str, Symptom] = {
    "signed_out": _client(
        "signed_out",
        1,
        Text(
            "The user logged out, or another user logged in, while the request waited: it was not"
            " sent. erase() says it where nobody is logged in: call me() first.",
            "请求等待期间用户退出了登录，或换了用户，因此没有发送。没有登录时 erase() 也会这样："
            "先调用 me()。",
        ),
    ),
    "bad_answer": _client(
        "bad_answer",
        12,
        Text(
            "What answered is not this API, such as a proxy, a login page of a Wi-Fi or another"
            " site on the server; or the answer was cut off. `status` of the error says more.",
            "响应不是这个接口发出的，例如来自代理、Wi-Fi 登录页或服务器上的另一个网站；"
            "或者响应不完整。error 的 `status` 能说明更多。",
        ),
        "route",
        "redirect",
        "gateway",
    ),
    "no_encrypted_data": _client(
        "no_encrypted_data",
        13,
        Text(
            "decrypt() got an object without encryptedData and iv: the user refused, or the app"
            " passed the event in place of its detail.",
            "传给 decrypt() 的对象没有 encryptedData 和 iv：用户拒绝了授权，"
            "或者把事件本身当成了 e.detail。",
        ),
    ),
    "phone_refused": _client(
        "phone_refused",
        14,
        Text(
            "The user did not share the phone number, or refused WeChat's privacy dialog. Let them"
            " go on without it; a new tap of the button asks again. The server is not at fault.",
            "用户没有授权手机号，或拒绝了微信的隐私弹窗。让用户不绑定也能继续使用；再次点击按钮会"
            "重新询问。与服务器无关。",
        ),
    ),
    "phone_unavailable": _client(
        "phone_unavailable",
        15,
        Text(
            "WeChat gave no code for the phone number. errno 112: declare it in the privacy"
            " statement (设置 → 服务内容声明 → 用户隐私保护指引); 1400001: buy more calls"
            " (付费管理); `no permission`: only verified accounts that are not a person's may ask;"
            " without any of these WeChat on the phone is too old. The server is not at fault.",
            "微信没有给出手机号 code。errno 112：在用户隐私保护指引里声明（设置 → 服务内容声明 →"
            " 用户隐私保护指引）；1400001：购买次数（付费管理）；no permission：只有已认证的非个人"
            "主体可以获取；都不是则手机上的微信版本过低。与服务器无关。",
        ),
    ),
    "picture_missing": _client(
        "picture_missing",
        16,
        Text(
            "uploadAvatar() got no path, or the file is gone: the path of chooseAvatar is a"
            " temporary one. Upload the picture at once, and store avatar_url of the answer.",
            "uploadAvatar() 没有收到路径，或文件已不存在：chooseAvatar 给出的是临时路径。"
            "应立即上传，并保存响应里的 avatar_url。",
        ),
    ),
    "messages_refused": _client(
        "messages_refused",
        17,
        Text(
            "The user closed WeChat's dialog for messages without an answer. A new tap asks again."
            " The server is not at fault.",
            "用户没有选择就关闭了订阅消息弹窗。再次点击会重新询问。与服务器无关。",
        ),
    ),
    "messages_off": _client(
        "messages_off",
        18,
        Text(
            "The user has turned off all messages of this mini program. wx.openSetting, called in"
            " the handler of a tap, opens the page where they are turned on again.",
            "用户关闭了这个小程序的全部订阅消息。在点击事件里调用 wx.openSetting，"
            "可以打开重新开启的页面。",
        ),
        wordings=numbers(20004) + "|main switch|主开关",
    ),
    "template_invalid": _client(
        "template_invalid",
        19,
        Text(
            "askToNotify() got not one to three template ids, or WeChat does not take one of them:"
            " it belongs to another AppID, was deleted, or one-time and long-term templates are"
            " mixed. Compare them with those in the console.",
            "askToNotify() 需要一到三个模板 ID，或者微信不接受其中某个：属于另一个 AppID、"
            "已被删除，或者混用了一次性和长期模板。请和小程序后台里的模板核对。",
        ),
        wordings=numbers(20001, 20002, 20003, 20013),
    ),
    "messages_unavailable": _client(
        "messages_unavailable",
        20,
        Text(
            "WeChat's dialog for messages did not open. Call askToNotify() first of all in the"
            " handler of a tap, with nothing awaited before it. errCode 20005: messages of this"
            " mini program are banned. Otherwise WeChat on the phone is too old.",
            "订阅消息弹窗没有打开。请在点击事件里最先调用 askToNotify()，之前不要有 await。"
            "errCode 20005：小程序的订阅消息被封禁。否则是手机上的微信版本过低。",
        ),
        wordings=numbers(20005),
    ),
    "aborted": _client(
        "aborted",
        21,
        Text(
            "The app called abort() of this request. The server may have acted on it already.",
            "小程序调用了这次请求的 abort()。服务器可能已经处理。",
        ),
    ),
    "file_missing": _client(
        "file_missing",
        22,
        Text(
            "upload() got no path, or the phone has no file there: temporary files go when the"
            " mini program is closed. Choose the file again.",
            "upload() 没有收到路径，或手机上没有这个文件：小程序关闭后临时文件会被清除。"
            "请重新选择文件。",
        ),
    ),
    "nickname_review": Symptom(
        Text("nickname_review in the log", "日志里的 nickname_review"),
        Text(
            "WeChat is not sure about a nickname (MYAPI_CONTENT_CHECK=on): it was stored, and you"
            " should look at it. `flask users show` has it under the user's id.",
            "微信对一个昵称拿不准（MYAPI_CONTENT_CHECK=on）：昵称已保存，请人工查看。"
            "用 flask users show 和日志里的用户 id 查看。",
        ),
        word("nickname_review"),
    ),
}
