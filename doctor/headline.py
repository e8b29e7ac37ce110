"""The first line of the report: the verdict, and the one thing to do next."""

from __future__ import annotations

from collections.abc import Sequence

from doctor.examination import Result
from doctor.network import Url
from doctor.texts import Text, printable


def headline(results: Sequence[Result], verdict: str, url: Url | None = None) -> Text:
    """Say what the results mean for the phones. `verdict` may be of more results than these."""
    cause = cause_of(results, verdict)
    if cause is None:
        return _well(results, verdict, url)
    said = _fault(results, cause, url)
    fault, fix = cause.fault, cause.fix
    return Text(
        f"{said.en}: {fault.en}. Next: {fix.en}.", f"{said.zh}：{fault.zh}。下一步：{fix.zh}。"
    )


def cause_of(results: Sequence[Result], verdict: str) -> Result | None:
    """Return the first failure that follows from no other, or else the first such warning."""
    bad = [each for each in results if each.status == verdict and verdict in ("fail", "warn")]
    return next((each for each in bad if not each.follows), next(iter(bad), None))


def _fault(results: Sequence[Result], cause: Result, url: Url | None) -> Text:
    place = _place(url)
    if cause.status == "warn":
        return _warning(results, url)
    if url is None or url.is_development:
        return Text(f"There is a fault at {place.en}", f"{place.zh}有故障")
    if cause.stops == "phones":
        return Text(f"Phones cannot use {place.en}", f"手机无法访问 {place.zh.strip()}")
    if cause.stops == "logins":
        return Text(f"Users cannot log in at {place.en}", f"{place.zh}无法登录")
    return Text(f"There is a fault at {place.en}", f"{place.zh}有故障")


def _warning(results: Sequence[Result], url: Url | None) -> Text:
    place = _place(url)
    works = Text(f"There is no fault at {place.en}", f"{place.zh}没有故障")
    if url and any(each.id == "route" and each.status == "ok" for each in results):
        works = Text(f"The API works at {place.en}", f"{place.zh}可以使用")
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
        return Text(f"Nothing could be judged: {reason.en}.", f"什么都无法判断：{reason.zh}。")
    if url is None or "route" not in seen:
        return Text(f"All is well: no fault at {place.en}.", f"一切正常：{place.zh}没有发现故障。")
    if url.is_development:
        return Text(
            f"All is well: {place.en} answers. Phones need https on a filed domain.",
            f"一切正常：{place.zh}有响应。手机需要已备案域名上的 https。",
        )
    return Text(
        f"All is well: {place.en} answers as phones need it.",
        f"一切正常：{place.zh}的响应符合手机的要求。",
    )


def _place(url: Url | None) -> Text:
    if url is None:
        return Text("this server", "本服务器")
    name = printable(url.text, 100)
    if url.is_development:
        return Text(f"the development server {name}", f"开发服务器 {name} ")
    return Text(name, f"{name} ")
