"""The first line of the report: the verdict, and the one thing to do next."""

from __future__ import annotations

from collections.abc import Sequence

from doctor.examination import Result
from doctor.network import Url
from doctor.texts import Text, printable


def headline(results: Sequence[Result], verdict: str, url: Url | None = None) -> Text:
    """Say what the results mean for the phones. `verdict` may be of more results than these."""
    cause = cause_of(results)
    if cause is None:
        return _well(results, verdict, url)
    said = _fault(results, cause, url)
    fault, fix = cause.fault, cause.fix
    return Text(
        f"{said.en}: {fault.en}. Next: {fix.en}.", f"{said.zh}：{fault.zh}。下一步：{fix.zh}。"
    )


def cause_of(results: Sequence[Result]) -> Result | None:
    """Return the first failure or else warning, if possible one that follows no other."""
    bad = [each for each in results if each.status in ("fail", "warn")]
    bad.sort(key=lambda each: (each.status == "warn", bool(each.follows)))
    return next(iter(bad), None)


def _fault(results: Sequence[Result], cause: Result, url: Url | None) -> Text:
    place = _place(url)
    if cause.status == "warn":
        return _warning(results, url)
    if cause.stops == "logins":
        return Text(f"Users cannot log in {place.en}", f"{place.zh}无法登录")
    if cause.stops == "phones" and url is not None and not url.is_development:
        name = printable(url.text, 100)
        return Text(f"Phones cannot use {name}", f"手机无法访问 {name}")
    return Text(f"There is a fault {place.en}", f"{place.zh}有故障")


def _warning(results: Sequence[Result], url: Url | None) -> Text:
    place = _place(url)
    works = Text(f"There is no fault {place.en}", f"{place.zh}没有故障")
    if url and any(each.id == "route" and each.status == "ok" for each in results):
        works = Text(f"The API works {place.en}", f"{place.zh}可以使用")
    count = sum(each.status == "warn" and not each.follows for each in results)
    if count == 1:
        return Text(f"{works.en}, with a warning", f"{works.zh}，但有一个警告")
    return Text(
        f"{works.en}, with {count} warnings, first", f"{works.zh}，但有 {count} 个警告，首先"
    )


def _well(results: Sequence[Result], verdict: str, url: Url | None) -> Text:
    place = _place(url)
    seen = {each.id for each in results if each.status == "ok"}
    if verdict != "ok":  # the results are what has changed, and that has become better
        return Text("Better than before; other faults remain.", "比上次好；其他故障还在。")
    if not seen:
        reason = results[0].evidence if results else Text("no check ran", "没有运行检查项")
        return Text(f"Nothing could be judged: {reason.en}.", f"无法判断：{reason.zh}。")
    if url is None or "route" not in seen:
        return Text(f"All is well: no fault {place.en}.", f"一切正常：{place.zh}没有发现故障。")
    if url.is_development:
        return Text(
            f"All is well {place.en}. Phones need https on a filed domain.",
            f"{place.zh}一切正常。手机访问需要 https 和已备案的域名。",
        )
    return Text(
        f"All is well {place.en}: it answers as phones need it.",
        f"{place.zh}一切正常：响应符合手机的要求。",
    )


def _place(url: Url | None) -> Text:
    if url is None:
        return Text("on this server", "本服务器")
    name = printable(url.text, 100)
    if url.is_development:
        return Text(f"at the development server {name}", f"开发服务器 {name} ")
    return Text(f"at {name}", f"{name} ")
