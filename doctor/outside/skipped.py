"""Why a check could not judge, where several checks say the same."""

from doctor.texts import Text

NOT_CONNECTED = Text("no HTTPS connection could be made", "没有建立 HTTPS 连接")
NO_RESPONSE = Text("no response to judge by", "没有可供判断的应答")
NOT_THE_API = Text("something other than the API answers", "应答的不是本 API")
NO_CHAIN = Text(
    "cannot judge: this Python does not show the certificates that were sent",
    "无法判断：当前 Python 读不到服务器发来的证书",
)
