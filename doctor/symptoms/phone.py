"""No answer at all: the phone's errno, and the number of its network stack inside errno 600001."""

from __future__ import annotations

from doctor.symptoms.symptom import Symptom, numbers, word
from doctor.texts import Text

#: How phones and the tool say that a URL is on no list of the console.
UNLISTED = (
    numbers(600002) + r"|domain ?list|合法域名|域名不合法|域名.{0,4}(列表|配置|校验)|url not in"
)
UPLOAD = r"upload(file|task)|上传"
DOWNLOAD = r"download(file|task)|下载"

PHONE: dict[str, Symptom] = {
    "upload_domain_list": Symptom(
        Text(
            "uploadFile:fail url not in domain list (errno 600002)",
            "uploadFile:fail url not in domain list（errno 600002）："
            "不在以下 uploadFile 合法域名列表中",
        ),
        Text(
            "The domain is not on this mini program's list for uploads, which is not that for"
            " requests. Add https://NAME as an uploadFile 合法域名 in the console (开发管理 →"
            " 开发设置 → 服务器域名), then refresh 详情 → 域名信息 in the developer tool.",
            "域名不在小程序的 uploadFile 合法域名列表里，这份列表与 request 的分开。到小程序后台"
            "（开发管理 → 开发设置 → 服务器域名）把 https://域名 也填为 uploadFile 合法域名，"
            "再到开发者工具的 详情 → 域名信息 刷新。",
        ),
        rf"^(?=.*({UPLOAD}))(?=.*({UNLISTED}))",
        checks=("url",),
    ),
    "download_domain_list": Symptom(
        Text(
            "downloadFile:fail url not in domain list (errno 600002)",
            "downloadFile:fail url not in domain list（errno 600002）："
            "不在以下 downloadFile 合法域名列表中",
        ),
        Text(
            "The domain is not on this mini program's list for downloads, which is not that for"
            " requests. Add https://NAME as a downloadFile 合法域名 in the console (开发管理 →"
            " 开发设置 → 服务器域名), then refresh 详情 → 域名信息 in the developer tool.",
            "域名不在小程序的 downloadFile 合法域名列表里，这份列表与 request 的分开。到小程序后台"
            "（开发管理 → 开发设置 → 服务器域名）把 https://域名 也填为 downloadFile 合法域名，"
            "再到开发者工具的 详情 → 域名信息 刷新。",
        ),
        rf"^(?=.*({DOWNLOAD}))(?=.*({UNLISTED}))",
        checks=("url",),
    ),
    "upload_file": Symptom(
        Text(
            "uploadFile:fail file not found",
            "uploadFile:fail file not found：找不到要上传的文件",
        ),
        Text(
            "The phone has no file at the path that wx.uploadFile was given. The path that"
            " chooseAvatar gives is a temporary one: upload the picture at once, and store the"
            " avatar_url of the answer, never that path. The server is not at fault.",
            "手机上没有 wx.uploadFile 指定的文件。chooseAvatar 给出的是临时路径：应立即上传，"
            "保存响应里的 avatar_url，不要保存这个路径。与服务器无关。",
        ),
        r"upload(file|task).{0,60}(file not found|file error|no such file"
        r"|file .{0,8}n.t exist|文件不存在|找不到.{0,6}文件)",
    ),
    "download_file": Symptom(
        Text(
            "downloadFile:fail (errno 603300, 603301, 603302, 603303)",
            "downloadFile:fail（errno 603300、603301、603302、603303）：文件无法保存",
        ),
        Text(
            "The phone could not keep the file that it got: the storage of the mini program is full"
            " (603300), the file is larger than WeChat takes (603301) or empty (603302), or the"
            " path is not one of the mini program's own (603303). Delete old files with"
            " wx.getFileSystemManager; offer large files in parts.",
            "手机收到了文件但无法保存：小程序的存储空间已满（603300）、文件超过微信的上限（603301）、"
            "文件为空（603302），或路径不属于小程序（603303）。用 wx.getFileSystemManager"
            " 删除旧文件；大文件请分段提供。",
        ),
        numbers(603300, 603301, 603302, 603303)
        + f"|{word('download_failed')}"
        + rf"|({DOWNLOAD}).{{0,60}}(max file size|save file|storage|permission denied)",
    ),
    "domain_list": Symptom(
        Text(
            "url not in domain list (errno 600002)",
            "url not in domain list（errno 600002）：不在以下 request 合法域名列表中",
        ),
        Text(
            "The domain is not on this mini program's list. Add https://NAME in the console"
            " (开发管理 → 开发设置 → 服务器域名) exactly as the code writes it, then refresh 详情 →"
            " 域名信息 in the developer tool.",
            "域名不在小程序的合法域名列表里。到小程序后台（开发管理 → 开发设置 → 服务器域名）添加"
            " https://域名，和代码里写的完全一致，再到开发者工具的 详情 → 域名信息 刷新。",
        ),
        UNLISTED + f"|{word('domain_not_listed')}",
        checks=("url", "icp", "redirect"),
    ),
    "bad_url": Symptom(
        Text(
            "request:fail invalid url (errno 600009, 600011)",
            "request:fail invalid url（errno 600009、600011）：URL 格式不合法",
        ),
        Text(
            "The mini program calls an address that is not a URL: it must begin with https://, with"
            " no spaces and no missing parts.",
            "小程序请求的地址不是合法的 URL：必须以 https:// 开头，不含空格，也不能缺少部分。",
        ),
        numbers(600009, 600011, -300, -301, -302, -1000, -1002)
        + f"|{word('bad_url')}"
        + r"|(invalid|bad|unsupported) url|url.{0,4}不合法|(无效|不支持).{0,4}(url|地址)",
        checks=("url",),
    ),
    "redirects": Symptom(
        Text(
            "too many redirects (errno 600008)",
            "too many redirects（errno 600008）：重定向过多",
        ),
        Text(
            "The server sends the request elsewhere, often in circles. Answer under the name that"
            " the mini program calls.",
            "服务器不断把请求跳转到别处。让小程序访问的域名直接响应。",
        ),
        numbers(600008, -310, -1007) + r"|too.many.redirects|重定向.{0,4}(过多|次数)",
        r"redirect|重定向|跳转|" + numbers(301, 302, 303, 307, 308),
        ("redirect", "route"),
    ),
    "interrupted": Symptom(
        Text(
            "request:fail interrupted (errno 600003)",
            "request:fail interrupted（errno 600003）：请求被中断",
        ),
        Text(
            "The request was cut off on the phone: the mini program was in the background for more"
            " than 5 s, or its code called abort(). Slow answers make it likelier.",
            "请求在手机上被中断：小程序进入后台超过 5 秒，或代码调用了 abort()。"
            "响应越慢越容易出现。",
        ),
        numbers(600003) + r"|interrupted|\babort\b|进入后台",
        checks=("latency",),
    ),
    "too_many_tasks": Symptom(
        Text(
            "too many tasks (errno 600007)",
            "too many tasks（errno 600007）：同时进行的请求过多",
        ),
        Text(
            "The mini program has too many requests at once. Make fewer; slow answers pile"
            " them up.",
            "小程序同时进行的请求太多。减少请求；响应慢也会使请求堆积。",
        ),
        numbers(600007) + f"|{word('too_many_tasks')}" + r"|(too many|max) .{0,8}tasks?|并发",
        checks=("latency",),
    ),
    "request_failed": Symptom(
        Text(
            "request:fail (errno 600004, 600005, 600006, 600010, 602300)",
            "request:fail（errno 600004、600005、600006、600010、602300）：请求未能发出",
        ),
        Text(
            "WeChat itself could not make the request: a logic error (600004), a wrong argument"
            " (600005), a system error (600006), data that cannot be written as JSON (600010), or"
            " more data than it takes (602300). Look at the arguments of wx.request, and update"
            " WeChat.",
            "微信没能发出请求：逻辑错误（600004）、参数错误（600005）、系统错误（600006）、"
            "data 无法序列化（600010）或 data 过大（602300）。检查 wx.request 的参数，并更新微信。",
        ),
        numbers(600004, 600005, 600006, 600010, 602300) + f"|{word('request_failed')}",
        checks=("url",),
    ),
    "login_blocked": Symptom(
        Text(
            "login:fail (errno 1402101)",
            "login:fail（errno 1402101）：微信拦截了登录",
        ),
        Text(
            "WeChat blocked wx.login on this phone: no request reached the server.",
            "微信拦截了手机上的 wx.login：请求没有到达服务器。",
        ),
        numbers(1402101) + f"|{word('login_blocked')}",
    ),
    "privacy": Symptom(
        Text(
            "api scope is not declared in the privacy agreement (errno 112)",
            "api scope is not declared in the privacy agreement（errno 112）：隐私协议未声明",
        ),
        Text(
            "The mini program calls an API that its privacy statement does not declare. Declare it"
            " in the console (设置 → 服务内容声明 → 用户隐私保护指引), and wait until WeChat has"
            " reviewed it. The server is not at fault.",
            "小程序调用的接口没有在用户隐私保护指引里声明。到小程序后台（设置 → 服务内容声明 →"
            " 用户隐私保护指引）声明，等待微信审核通过。与服务器无关。",
        ),
        r"errno\W{0,4}112(?!\d)|declared in the privacy|隐私(协议|保护指引|接口)",
    ),
    "phone_quota": Symptom(
        Text(
            "getPhoneNumber:fail (errno 1400001)",
            "getPhoneNumber:fail（errno 1400001）：获取手机号的额度已用完",
        ),
        Text(
            "The mini program has no phone number left to ask for: after the free ones each costs"
            " money. Buy more in the console (付费管理). The server is not at fault.",
            "小程序获取手机号的次数已用完：免费额度之后按次收费。到小程序后台（付费管理）购买。"
            "与服务器无关。",
        ),
        numbers(1400001),
    ),
    "phone_not_permitted": Symptom(
        Text("getPhoneNumber:fail no permission", "getPhoneNumber:fail no permission：没有权限"),
        Text(
            "This mini program may not ask for phone numbers: only verified accounts that are not"
            " a person's may. Verify the account in the console, or take an AppID of a company. The"
            " server is not at fault.",
            "这个小程序不能获取手机号：只有已认证的非个人主体可以。到小程序后台完成认证，"
            "或者换用企业主体的 AppID。与服务器无关。",
        ),
        r"get(realtime)?phonenumber:\s?fail.{0,20}(no permission|没有权限|无权限)",
    ),
    "not_resolved": Symptom(
        Text(
            "net::ERR_NAME_NOT_RESOLVED (-105) in errno 600001",
            "errno 600001 中的 net::ERR_NAME_NOT_RESOLVED（-105）：域名解析失败",
        ),
        Text(
            "The phone finds no address for the domain: it has no DNS record, or a misspelt one.",
            "手机查不到域名的地址：没有 DNS 记录，或域名写错了。",
        ),
        numbers(-105, -137, -166, -1003, -1006)
        + r"|NAME_NOT_RESOLVED|NAME_RESOLUTION_FAILED|unknown ?host|unable to resolve"
        + r"|hostname could not be found|指定主机名|域名(无法|不能)?解析|无法解析",
        checks=("dns", "url"),
    ),
    "refused": Symptom(
        Text(
            "net::ERR_CONNECTION_REFUSED (-102) in errno 600001",
            "errno 600001 中的 net::ERR_CONNECTION_REFUSED（-102）：连接被拒绝",
        ),
        Text(
            "Nothing listens at this address and port: Nginx is stopped, or the mini program calls"
            " localhost, which on a phone is the phone itself.",
            "这个地址和端口没有服务在监听：Nginx 没有启动，或小程序访问的是 localhost，"
            "在手机上那是手机自己。",
        ),
        numbers(-102, -1004)
        + r"|REFUSED|could not connect to the server|failed to connect to|未能连接到服务器"
        + r"|拒绝连接|连接被拒",
        checks=("port", "ipv6", "dns"),
    ),
    "reset": Symptom(
        Text(
            "net::ERR_CONNECTION_RESET (-101) in errno 600001",
            "errno 600001 中的 net::ERR_CONNECTION_RESET（-101）：连接被重置",
        ),
        Text(
            "The connection was cut: by the server during the handshake, by a network that blocks a"
            " domain without an ICP filing, or since a body is too large.",
            "连接被切断：服务器在握手时断开、网络拦截了未备案的域名，或请求体太大。",
        ),
        numbers(-100, -101, -103, -324, -1005)
        + r"|CONNECTION_(RESET|CLOSED|ABORTED)|EMPTY_RESPONSE|ECONNRESET"
        + r"|connection (was )?(reset|lost)"
        + r"|连接(已|被)?(重置|中断|断开)|socket hang up",
        checks=("tls", "icp", "body_limit"),
    ),
    "offline": Symptom(
        Text(
            "net::ERR_INTERNET_DISCONNECTED (-106) in errno 600001",
            "errno 600001 中的 net::ERR_INTERNET_DISCONNECTED（-106）：手机没有网络",
        ),
        Text(
            "The phone has no network. The server is not at fault.",
            "手机没有网络。与服务器无关。",
        ),
        numbers(-106, -1009) + r"|INTERNET_DISCONNECTED|appears to be offline|断开与互联网",
    ),
    "proxy": Symptom(
        Text(
            "net::ERR_PROXY_CONNECTION_FAILED (-130) in errno 600001",
            "errno 600001 中的 net::ERR_PROXY_CONNECTION_FAILED（-130）：连不上代理",
        ),
        Text(
            "The phone or computer uses a proxy that cannot be reached. Turn the proxy off; the"
            " server is not at fault.",
            "手机或电脑设置了代理，但连不上它。关掉代理；与服务器无关。",
        ),
        numbers(-111, -115, -120, -121, -127, -130, -131, -136, -336)
        + r"|ERR_(PROXY|TUNNEL|NO_SUPPORTED_PROXIES)",
    ),
    "timeout": Symptom(
        Text(
            "request:fail timeout (errno 5)",
            "request:fail timeout（errno 5）：请求超时",
        ),
        Text(
            "No answer came in time: a firewall drops the connection, or the answer is slow.",
            "没有及时得到响应：防火墙丢弃了连接，或响应太慢。",
        ),
        numbers(-7, -118, -1001)
        + r"|errno\W{0,4}5(?!\d)|^\W*5\W*$|time[sd]?[ -]?out|TIMED_OUT|超时",
        checks=("port", "latency", "gateway"),
    ),
    "network": Symptom(
        Text(
            "request:fail (errno 600001, 600000, 602000, 602001)",
            "request:fail（errno 600001、600000、602000、602001）：没有说明原因",
        ),
        Text(
            "The phone could not make the request, and does not say why. The number inside the"
            " message (such as -102 or -202) would.",
            "手机没能完成请求，也没有说明原因。完整信息里的数字（例如 -102、-202）能说明原因。",
        ),
        "",
        numbers(600000, 600001, 602000, 602001, -1, -2, -3, -4, -21, -109)
        + r"|^\W*network\W*$|(request|login|uploadfile|downloadfile):?\s?fail|net::|ERR_FAILED"
        + r"|网络(错误|异常)",
        ("port", "tls", "icp"),
    ),
}
