"""What people say without a code, and what no phone shows."""

from __future__ import annotations

from doctor.symptoms.symptom import Symptom
from doctor.texts import Text

COMPLAINTS: dict[str, Symptom] = {
    "tool_only": Symptom(
        Text(
            "it works in the developer tool, not on the phone",
            "开发者工具里正常，真机上不行",
        ),
        Text(
            "The developer tool may skip what a phone insists on: the domain list, the certificate"
            " chain, a public address.",
            "开发者工具可以跳过手机必须校验的内容：合法域名、完整证书链、公网地址。",
        ),
        "",
        r"\btools?\b|on (the |a )?phone|real device|android|开发者?工具|真机|手机|预览|体验版|安卓",
        ("url", "chain", "ipv6"),
    ),
    "slow": Symptom(
        Text("every call is slow", "每次请求都很慢"),
        Text(
            "The network, the app or its database is slow.",
            "网络、应用或数据库慢。",
        ),
        "",
        r"\bslow|latency|卡|慢|延迟",
        ("latency", "ipv6"),
    ),
    "unseen": Symptom(
        Text(
            "nothing yet: it is a risk, not a failure",
            "暂时没有：这是风险，还不是故障",
        ),
        Text(
            "The doctor also looks for risks that no phone shows.",
            "诊断也检查手机上看不出来的风险。",
        ),
        "",
        r"security|安全",
        ("debug", "port_80", "secrets"),
    ),
}
