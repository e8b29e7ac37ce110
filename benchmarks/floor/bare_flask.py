"""Flask with one route and nothing else."""

from datetime import datetime, timezone

from flask import Flask

app = Flask("bare")


@app.get("/api/hello")
def hello():
    time = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    return {"code": 0, "msg": "Hello from Aliyun Lighthouse!", "time": time}
