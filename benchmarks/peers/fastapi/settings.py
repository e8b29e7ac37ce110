"""Everything from the environment, once. Days and counts are those that myapi has by default."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PEER_")

    secret: str
    database: str  # sqlite+aiosqlite:///… or mysql+aiomysql://…
    wechat_appid: str
    wechat_secret: str
    wechat_url: str
    wechat_timeout: float = 3.0  # s
    logins_per_minute: int = 600  # of one address, in each process
    failed_logins_per_minute: int = 60


settings = Settings()

DAY = 86_400_000  # ms
IDLE = 7 * DAY
LIFE = 30 * DAY
TOUCH_EVERY = 3_600_000  # ms
