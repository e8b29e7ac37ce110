"""User names and passwords as they must not stand in a URL, for every place that reads one."""

PARTS = ("hush", "quiet")  # no output may show one of these

RAW_LOGINS = [
    *(f"shop:hush{raw}quiet" for raw in ("@", "%", "%4", "%zz", ":", "/", "?", "#", "[", "]", " ")),
    *(f"hush{raw}quiet:shop" for raw in ("@", "%", "/", "?", "#", " ")),
    "shop:12#quiet",  # a port to urlsplit
    "shop:hush@quiet/shop?x",  # a whole URL to SQLAlchemy
    "shop:hush＠quiet",
]
RAW_URLS = {
    "database_url": "mysql+pymysql://shop:hush@quiet@127.0.0.1:1/shop",
    "rate_limit_storage_url": "redis://:hush#quiet@127.0.0.1:1/0",
}

#: How each problem with such a URL begins, behind the name of the setting or option.
ADVICE = "must have its user name and password percent-encoded: %40 for @, %25 for %,"
