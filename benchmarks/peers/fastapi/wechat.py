"""The WeChat client, with keep-alive connections."""

import httpx

from benchmarks.peers.fastapi.errors import ApiError
from benchmarks.peers.fastapi.settings import settings

CODE_ERRORS = {40029, 40163, 41008}
# No limit on connections, as in the other stacks: with httpx's default of 100, a thousand logins
# time out. Only 100 are kept alive, because httpx searches all idle ones for every request.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100)


class WeChat:
    def __init__(self) -> None:
        self._client = httpx.AsyncClient(
            base_url=settings.wechat_url, timeout=settings.wechat_timeout, limits=LIMITS
        )

    async def code_to_session(self, code: str) -> tuple[str, str]:
        """Return the openid and the session_key."""
        query = {
            "appid": settings.wechat_appid,
            "secret": settings.wechat_secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        reply = await self._get("/sns/jscode2session", query)
        if reply.get("errcode") in CODE_ERRORS:
            raise ApiError("login_code_invalid")
        if reply.get("errcode") or not isinstance(reply.get("openid"), str):
            raise ApiError("wechat_unavailable")
        return reply["openid"], reply.get("session_key", "")

    async def close(self) -> None:
        await self._client.aclose()

    async def _get(self, path: str, query: dict[str, str]) -> dict[str, object]:
        try:
            return (await self._client.get(path, params=query)).json()
        except httpx.TimeoutException:
            raise ApiError("wechat_timeout") from None
        except (httpx.HTTPError, ValueError):
            raise ApiError("wechat_unavailable") from None
