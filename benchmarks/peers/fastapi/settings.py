"""Settings, read once from the environment. The numbers are myapi's defaults."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PEER_")

    secret: str
    database: str  # sqlite+aiosqlite:///… or mysql+aiomysql://…
    wechat_appid: str
    wechat_secret: str
    wechat_url: str
    wechat_timeout: float = 3.0  # s
    logins_per_minute: int = 600  # per address and process
    failed_logins_per_minute: int = 60


settings = Settings()

DAY = 86_400_000  # ms
IDLE = 7 * DAY
LIFE = 30 * DAY
TOUCH_EVERY = 3_600_000  # ms
