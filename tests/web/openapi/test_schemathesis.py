"""Every route under generated requests, right and wrong: it answers as its description says."""

import tempfile
from pathlib import Path

import pytest

from myapi import create_app
from myapi.settings import Settings
from myapi.web.openapi.description import describe
from tests.conftest import KEY

pytest.importorskip("schemathesis", reason="schemathesis needs Python 3.11")

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

SEED = 20260131
OFTEN = "1000000/minute"

# Where also a body that fits its schema may be refused with 400.
CHOOSY = {
    "auth.login",  # the sandbox refuses codes that begin with bad
    "me.decrypt",  # nobody can make up what decrypts
    "sandbox.fault",  # to JSON Schema 1.0 is an integer
}


class Relay:
    """Stands for the app of the running test, which is not there when tests are collected."""

    app = None

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


def _described():
    """The API without an app that answers; what is collected needs no database."""
    folder = Path(tempfile.gettempdir())
    app = create_app(Settings(secret_keys=(KEY,), instance_path=folder))
    config = schemathesis.Config(seed=SEED)
    schema = schemathesis.openapi.from_dict(describe(app), config=config)
    schema.app = Relay()
    return schema


api = _described()


@pytest.fixture
def app(make_app):
    api.app.app = make_app(
        rate_limit_login=OFTEN,
        rate_limit_login_failed=OFTEN,
        rate_limit_user=OFTEN,
        max_body_bytes=2**22,  # or a made-up body is refused for its size alone
    )
    return api.app.app


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@api.parametrize()
@settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_answers_are_as_described(case, sign_in, wechat):
    wechat.sandbox.set_fault("busy", 0)  # a case of PUT /sandbox/fault may have set one
    operation = case.operation.definition.raw
    alice = sign_in("alice")  # anew each time: some cases end their session or the account
    case.call_and_validate(
        headers=alice.headers if "security" in operation else {},
        excluded_checks=[positive_data_acceptance] if operation["operationId"] in CHOOSY else [],
    )
