"""Every route under generated requests, right and wrong: it answers as its description says."""

import tempfile
from pathlib import Path

import pytest

from myapi import create_app
from myapi.api.openapi import describe
from myapi.settings import Settings
from tests.conftest import KEY

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis needs Python 3.11")

from hypothesis import HealthCheck, settings  # noqa: E402

OFTEN = "1000000/minute"

class Relay:
    """The WSGI app of the test that runs."""

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


relay = Relay()
description = describe(create_app(Settings(secret_keys=(KEY,), instance_path=Path(tempfile.gettempdir()))))
api = schemathesis.openapi.from_dict(description)
api.app = relay


LOG=open("/tmp/scratch/cases.log","w")

@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@api.parametrize()
@settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case, make_app, wechat):
    if not hasattr(wechat,"app_"):
        wechat.app_ = make_app(
        rate_limit_login=OFTEN, rate_limit_login_failed=OFTEN, rate_limit_user=OFTEN
        )
    relay.app=wechat.app_
    wechat.sandbox.set_fault("busy", 0)
    hd={}
    if case.operation.definition.raw.get("security"):
        response = relay.app.test_client().post("/api/auth/login", json={"code": "alice"})
        hd={"Authorization": "Bearer "+response.get_json()["data"]["token"]}
    r=case.call_and_validate(headers=hd)
    LOG.write(f"{case.method} {case.path} {case.meta and case.meta.generation.mode} {case.meta and case.meta.phase.name} {r.status_code} {case.path_parameters} {case.query} {case.headers} {case.body!r:.200}\n")
