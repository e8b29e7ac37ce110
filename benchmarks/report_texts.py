"""The words of both benchmark pages, English and Chinese side by side.

Only the standard library is used, because the plots read the targets, which have titles.
"""

import re
from enum import IntEnum
from typing import NamedTuple


class Language(IntEnum):
    ENGLISH = 0
    CHINESE = 1


class Text(NamedTuple):
    """One text in each language: `text[language]`."""

    en: str
    zh: str

    def format(self, **values: "Text | object") -> "Text":
        """Fill in both languages; of a value that is a Text, each gets its own."""

        def fill(language: int) -> str:
            chosen = {k: v[language] if isinstance(v, Text) else v for k, v in values.items()}
            return self[language].format(**chosen)

        return Text(fill(Language.ENGLISH), fill(Language.CHINESE))

    def join(self, parts: list["Text"]) -> "Text":
        """Put this text between the parts."""
        return Text(*(self[each].join(part[each] for part in parts) for each in Language))


SUFFIXES = Text(".md", ".zh-CN.md")

# ---- head ----

GENERATED = Text(
    "Generated from benchmarks.json by `make bench`; changes here are overwritten.",
    "由 `make bench` 根据 benchmarks.json 生成，手工修改会被覆盖。",
)
TITLE = Text("Benchmarks", "基准测试")
INTRODUCTION = Text(
    "myapi compared with three common stacks on the same machine. {tutorial} is the Node stack as"
    " tutorials write it, {tuned} differs from it only in its token key, and {fastapi} is the"
    " Python stack as its tutorials write it. `make bench` (about half an hour) and"
    " `make bench-full` measure again and write this page.",
    "在同一台机器上，把 myapi 与三种常见的技术栈作比较。{tutorial} 是按教程写的 Node 技术栈，"
    "{tuned} 与它只差 token 密钥的用法，{fastapi} 是按教程写的 Python 技术栈。"
    "`make bench`（约半小时）和 `make bench-full` 会重新测量并写出本页。",
)
READING = Text(
    "A figure is the median of all rounds, with the minimum and the maximum in brackets. × is"
    " myapi's figure divided by the other stack's, computed in each round. p50 and p99 are"
    " latencies: 50% and 99% of the requests took no longer.",
    "每个数字是各轮的中位数，括号里是最小值和最大值。× 是每一轮中 myapi 的数字除以对方的数字。"
    "p50 和 p99 是延迟：50% 和 99% 的请求不超过这个时间。",
)
MEASURED_ON = Text(
    "Measured on {taken} at commit {revision}, on {cores} cores ({processor}), {memory} of memory,"
    " Linux {kernel}. The load generator, Nginx, the WeChat stand-in, the database and the stack"
    " share this machine.",
    "{taken} 测量，提交 {revision}。测量环境：{cores} 个核（{processor}），{memory} 内存，"
    "Linux {kernel}。压测工具、Nginx、模拟的微信、数据库和被测的技术栈共用这台机器。",
)
SMOKE_TEST = Text(
    "Smoke test only (too few or too short rounds): {cases}.",
    "只是冒烟测试（轮数太少或时间太短）：{cases}。",
)
OTHER_SETTINGS = Text("Settings other than the defaults: {cases}", "不是默认值的配置：{cases}")
UNCOMMITTED = Text("The code had changes that are in no commit.", "代码中有尚未提交的修改。")
OVER_TLS = Text("Over TLS: {cases}", "经过 TLS：{cases}")

# ---- the sentences at the start ----

CAPACITY = Text(
    "On {cores} cores, which it shares with the load generator, myapi answers {sqlite}"
    " `GET /api/me` per second with SQLite (p99 {sqlite_p99} ms) and {mariadb} with MariaDB (p99"
    " {mariadb_p99} ms).",
    "在 {cores} 个核上（压测工具也在这些核上运行），myapi 用 SQLite 每秒响应 {sqlite} 次"
    " `GET /api/me`（p99 {sqlite_p99} ms），用 MariaDB 每秒 {mariadb} 次（p99 {mariadb_p99} ms）。",
)
LOGIN_COST = Text(
    "A login costs {cpu} µs of CPU, a `GET /api/me` {me_cpu} µs; when WeChat takes 100 ms to"
    " answer, 256 clients make {rate} logins per second, half of them in at most {p50} ms.",
    "一次登录消耗 {cpu} µs 的 CPU 时间，一次 `GET /api/me` 是 {me_cpu} µs；微信延迟 100 ms 时，"
    "256 个客户端每秒登录 {rate} 次，其中一半在 {p50} ms 内完成。",
)
HELLO_OF_ALL = Text(
    "During these logins, 99% of the requests to `/api/hello` take at most {own} ms with myapi,"
    " {peers}.",
    "在这些登录期间，99% 的 `/api/hello` 请求在以下时间内返回：myapi {own} ms，{peers}。",
)
HELLO_OF_PEER = Text("{hello_p99} ms with {peer}", "{peer} {hello_p99} ms")
FASTER_PEERS = Text(
    "Compared with myapi in responses per second, {peers}; in all other cases myapi is faster, or"
    " the difference lies within the spread of the rounds.",
    "按每秒响应数与 myapi 相比，{peers}；其余用例中 myapi 更快，或者差异在各轮的波动范围之内。",
)
FASTER_PEER = Text("{peer} is faster in {cases}", "{peer} 更快的用例是 {cases}")
NO_FASTER_PEER = Text("{peer} is faster in no case", "{peer} 没有更快的用例")
FASTER_CASE = Text("{case} (by {percent}%)", "{case}（快 {percent}%）")
FASTER_CASES = {
    "me-sqlite": Text("`/api/me` on SQLite", "SQLite 上的 `/api/me`"),
    "me-mariadb": Text("`/api/me` on MariaDB", "MariaDB 上的 `/api/me`"),
    "forged": Text("requests with forged tokens", "token 伪造的请求"),
    "hello": Text("`/api/hello`", "`/api/hello`"),
    "flood": Text("logins over the rate limit", "`/api/auth/login` 的限流拒绝"),
}
FASTER_LOGINS = Text(
    "logins of {clients} clients on {database} with WeChat at {delay} ms",
    "{database} 上 {clients} 个客户端、微信延迟 {delay} ms 的登录",
)
MEMORY_OF_ALL = Text(
    "The processes of myapi take {idle} MiB of memory when idle and {loaded} MiB after load,"
    " {peers}.",
    "myapi 的全部进程空闲时占用 {idle} MiB 内存，负载后占用 {loaded} MiB，{peers}。",
)
MEMORY_OF_PEER = Text(
    "those of {peer} {idle} and {loaded} MiB", "{peer} 是 {idle} MiB 和 {loaded} MiB"
)
COMMA, IN_LIST, AND = Text(", ", "，"), Text(", ", "、"), Text(" and ", "和 ")

# ---- targets and losses ----

TARGETS = Text("Targets", "目标")
TARGETS_MEANING = Text(
    "Each cell has the target ratio, if there is one, and the measured one. – means that the stack"
    " is not part of the case.",
    "每一格是目标比值（如果有）和实测比值。– 表示该技术栈不参加这个用例。",
)
DIVIDED_BY = Text("{myapi}'s figure divided by that of", "{myapi} 的数字除以")
ALONE = Text("{myapi} alone", "只看 {myapi}")
TARGET, MEASURED = Text("target", "目标"), Text("measured", "实测")
NOT_MEASURED = Text("not measured", "未测量")
WITH_TARGET = Text("{target}: {found}{verdict}", "{target}：{found}{verdict}")
MET, MISSED = Text(", met", "，达到"), Text(", **missed**", "，**未达到**")
LOSSES = Text("Where myapi loses", "myapi 不如对方的地方")
LOSSES_MEANING = Text(
    "A row is listed when myapi is worse in every round. All other figures are better, or the"
    " difference lies within the spread of the rounds.",
    "myapi 在每一轮中都不如对方时列出。其余指标更好，或者差异在各轮的波动范围之内。",
)
LOSSES_TO = Text("Compared with {peer}", "与 {peer} 相比")
NO_LOSS = Text("In no measured figure.", "测量的数字中没有。")

ME = Text("`/api/me` on {database}", "`/api/me`，{database}")
LOGIN_STORM = Text("WeChat at 1 000 ms, 1 000 clients", "微信延迟 1 000 ms，1 000 个客户端")
ME_RATE = Text("{me}, responses per second", "{me}，每秒响应数")
ME_P99 = Text("{me}, p99 at 32 clients", "{me}，32 个客户端时的 p99")
LOGIN_RATE = Text(
    "Logins per second, WeChat at 100 ms, 256 clients",
    "每秒登录数，微信延迟 100 ms，256 个客户端",
)
STORM_RATE = Text("Logins per second, {storm}{on}", "每秒登录数，{storm}{on}")
STORM_REFUSED = Text(
    "Logins refused with 503 per second, {storm}{on}", "每秒被 503 拒绝的登录数，{storm}{on}"
)
ON_MARIADB, ON_SQLITE = Text(", on MariaDB", "，MariaDB"), Text("", "")
HELLO_DURING_LOGINS = Text(
    "p99 of `/api/hello` during logins (WeChat at 100 ms, 256 clients)",
    "登录期间 `/api/hello` 的 p99（微信延迟 100 ms，256 个客户端）",
)
MEMORY_IDLE = Text("Memory (PSS) of all processes, idle", "所有进程的内存（PSS），空闲时")
MEMORY_LOADED = Text("Memory (PSS) of all processes, after load", "所有进程的内存（PSS），负载后")
BARE_FLASK = Text(
    "CPU of a bare Flask hello divided by that of `/api/hello`, without a server",
    "裸 Flask 的 hello 的 CPU 除以 `/api/hello` 的 CPU，不经过服务器",
)
TEN_MILLION = Text(
    "{me} with 10 million sessions, divided by 10 thousand",
    "{me}，一千万个会话时的值除以一万个会话时的值",
)
FAILED_BY_RELOAD = Text(
    "Requests failed by a reload under load", "有负载时重载（reload）造成的失败请求"
)
FAILED_BY_MAX_REQUESTS = Text(
    "Requests failed by `max_requests` under load", "有负载时 `max_requests` 造成的失败请求"
)

# ---- tables ----

REQUESTS = Text("Requests, {clients} clients", "请求，{clients} 个客户端")
CALLS_PLOT = Text(
    "Responses per second, p99 and CPU of each request", "每秒响应数、p99 和每个请求的 CPU"
)
LOGINS = Text("Logins", "登录")
LOGINS_MEANING = Text(
    "Only logins with status 200 count; 503 is listed separately. p50 and p99 include all"
    " responses. During the logins, `/api/hello` is requested {probes} times per second; its"
    " latency counts from the scheduled time.",
    "只有状态码 200 的登录计入；503 另列。p50 和 p99 包括所有响应。"
    "登录期间每秒请求 `/api/hello` {probes} 次，它的延迟从计划的发送时刻算起。",
)
LOGINS_PLOT = Text(
    "Logins per second, and the p99 of hello during the logins",
    "每秒登录数，以及登录期间 hello 的 p99",
)
SIZES = Text("Table size", "数据表大小")
SIZES_PLOT = Text("Responses per second by sessions in the table", "每秒响应数，按表中的会话数")
RESOURCES = Text("Memory and start-up", "内存与启动")
RESOURCES_MEANING = Text(
    "Memory of all processes of the app. Start-up is the time until the first response.",
    "内存是应用全部进程的内存。启动是到第一个响应为止的时间。",
)
MEMORY_PLOT = Text("Memory of each stack, idle and after load", "各技术栈的内存，空闲时和负载后")
FLOOR = Text("Simpler apps on the same server", "同一服务器上更简单的应用")
FLOOR_MEANING = Text(
    "How much of the cost is the server's: the same Gunicorn and Nginx with the routes as raw WSGI"
    " without log, metrics or limits, with a bare Flask app, and a static response by Nginx alone.",
    "开销中有多少来自服务器本身：同样的 Gunicorn 和 Nginx，分别运行不带日志、指标和限流的裸 WSGI"
    " 接口，裸 Flask 应用，以及只由 Nginx 返回静态响应。",
)
WITHOUT_SERVER = Text(
    "CPU of one request at the WSGI interface, without a server:",
    "在 WSGI 接口上、不经过服务器时，一个请求的 CPU：",
)
RESTARTS = Text("Workers replaced under load", "有负载时更换 worker 进程")
RESTARTS_MEANING = Text(
    "Eight clients request `/api/hello` and eight log in, through Nginx, while Gunicorn reloads"
    " every second or replaces each worker after about 2 000 requests.",
    "八个客户端请求 `/api/hello`，另外八个登录，都经过 Nginx；同时 Gunicorn 每秒重载一次，"
    "或让每个 worker 进程在约 2 000 个请求之后更换。",
)
CASE, FIGURE, REQUEST = Text("case", "用例"), Text("figure", "指标"), Text("request", "请求")
SESSIONS, APP = Text("sessions", "会话数"), Text("app", "应用")
REPLACED_BY, REQUESTS_SENT = Text("replaced by", "更换方式"), Text("requests", "请求数")
NEW_WORKERS = Text("new workers", "新的 worker 进程")
RATE, FAILED = Text("responses per second", "每秒响应数"), Text("failed", "失败")

FIGURES = {
    "rate": RATE,
    "p50": Text("p50", "p50"),
    "p99": Text("p99", "p99"),
    "cpu": Text("CPU per request", "每个请求的 CPU"),
    "database_cpu": Text("CPU of the database per request", "每个请求的数据库 CPU"),
    "busy_rate": Text("503 per second", "每秒 503 数"),
    "failed": FAILED,
    "hello_idle_p99": Text("p99 of hello, idle", "空闲时 hello 的 p99"),
    "hello_p99": Text("p99 of hello during logins", "登录期间 hello 的 p99"),
    "start": Text("start-up", "启动"),
    "idle": Text("memory, idle", "内存，空闲时"),
    "loaded": Text("memory, after load", "内存，负载后"),
}

LOGIN_CASE = Text(
    "Logins of {clients} clients, WeChat at {delay} ms{on}",
    "{clients} 个客户端登录，微信延迟 {delay} ms{on}",
)
#: Titles of the cases by name. `case_title` makes those of the other login cases.
CASES = {
    "me-sqlite": Text(
        "GET /api/me on SQLite, 10 000 tokens", "GET /api/me，SQLite，10 000 个 token"
    ),
    "me-mariadb": Text(
        "GET /api/me on MariaDB, 10 000 tokens", "GET /api/me，MariaDB，10 000 个 token"
    ),
    "forged": Text("Requests with forged tokens, all refused", "带伪造 token 的请求，全部拒绝"),
    "hello": Text("GET /api/hello", "GET /api/hello"),
    "flood": Text("Logins over the rate limit, refused", "超过限流的登录，被拒绝"),
    "resources": RESOURCES,
    "floor": FLOOR,
    "restarts": RESTARTS,
    "in-process": Text("CPU of one request without a server", "不经过服务器时一个请求的 CPU"),
    "wechat-limit": Text("Capacity of the WeChat stand-in", "模拟的微信的最大吞吐量"),
    "sizes-sqlite": Text(
        "GET /api/me on SQLite by sessions in the table", "GET /api/me，SQLite，按表中的会话数"
    ),
    "sizes-mariadb": Text(
        "GET /api/me on MariaDB by sessions in the table", "GET /api/me，MariaDB，按表中的会话数"
    ),
}
#: Names in benchmarks.json that are words. All others are shown as they are.
VARIANTS = {
    "raw WSGI": Text("raw WSGI", "裸 WSGI"),
    "bare Flask": Text("bare Flask", "裸 Flask"),
    "Nginx alone": Text("Nginx alone", "只有 Nginx"),
    "static": Text("static", "静态响应"),
    "bare Flask hello": Text("bare Flask hello", "裸 Flask 的 hello"),
    "GET /api/me, forged token": Text("GET /api/me, forged token", "GET /api/me，伪造的 token"),
    "GET /api/me, SQLite, 10000 tokens": Text(
        "GET /api/me, SQLite, 10 000 tokens", "GET /api/me，SQLite，10 000 个 token"
    ),
    "POST /api/auth/login, SQLite": Text(
        "POST /api/auth/login, SQLite", "POST /api/auth/login，SQLite"
    ),
}

# ---- commands and versions ----

STAND_IN = Text(
    "The WeChat stand-in alone answers {some} requests per second with 32 clients and {many} with"
    " 1 000.",
    "模拟的微信单独运行时，32 个客户端每秒响应 {some} 个请求，1 000 个客户端每秒 {many} 个。",
)
COMMANDS = Text("Commands", "命令")
WITHOUT_TABLES = Text("this page without the large tables", "本页，不含大表")
WHOLE_PAGE = Text("the whole page", "完整的一页")
ONE_CASE = Text("one case; also --tls, --set", "只测一个用例；还有 --tls、--set")
WRK_COMMANDS = Text(
    "The wrk commands. FILE has one token per line, and PREFIX is different in every run:",
    "wrk 的命令。FILE 每行一个 token，PREFIX 每次运行都不同：",
)
CASE_NAME, ROUNDS = Text("name", "名称"), Text("rounds × seconds", "轮数 × 秒数")
VERSIONS = Text("Versions", "版本")


def case_title(name: str, otherwise: str = "") -> Text:
    """Return the title of a case, or `otherwise` for a case that is no longer known."""
    if login := _login(name):
        on = ON_SQLITE if login["database"] == "SQLite" else ON_MARIADB
        return LOGIN_CASE.format(on=on, **login)
    return CASES.get(name) or Text(otherwise, otherwise)


def enumeration(parts: list[Text]) -> Text:
    """Return `a, b and c`."""
    *first, last = parts
    return AND.join([IN_LIST.join(first), last]) if first else last


def faster_case(name: str) -> Text:
    """Return how the sentence on faster peers calls a case."""
    if login := _login(name):
        return FASTER_LOGINS.format(**login)
    return FASTER_CASES[name]


def _login(name: str) -> dict[str, str]:
    """Return what the name of a login case says, and nothing for other cases."""
    if name == "login-mariadb":
        name = "login-mariadb-100ms-256"
    found = re.fullmatch(r"login-(mariadb-)?(\d+)ms-(\d+)", name)
    if not found:
        return {}
    delay, clients = (f"{int(number):,}".replace(",", " ") for number in found.groups()[1:])
    database = "MariaDB" if found[1] else "SQLite"
    return {"database": database, "delay": delay, "clients": clients}


def variant_title(name: str) -> Text:
    return VARIANTS.get(name) or Text(name, name)
