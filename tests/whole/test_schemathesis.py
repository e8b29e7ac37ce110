"""Every route answers valid and invalid generated requests as described."""

import tempfile
from pathlib import Path

import pytest

from myapi import create_app
from myapi.settings import Settings
from myapi.team import load
from myapi.web.openapi.description import describe
from tests.fixtures import KEY

pytest.importorskip("schemathesis", reason="schemathesis needs Python 3.11")

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

SEED = 20260131
UNLIMITED = "1000000/minute"

# These may answer 400 to a body that is valid for its schema.
SELECTIVE = {
    "auth.login",  # the sandbox refuses codes that begin with bad
    "me.decrypt",  # generated data cannot be decrypted
    "me.upload_avatar",  # nor is it a picture
    "sandbox_messages.send",  # nobody has permitted generated messages
    "sandbox.fault",  # in JSON Schema 1.0 is an integer
}


class Relay:
    """A WSGI app that calls the app of the running test, which does not exist at collection."""

    app = None

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


def _api():
    """Return the schema of the API for collecting the tests, which needs no database."""
    folder = Path(tempfile.gettempdir())
    app = create_app(Settings(secret_keys=(KEY,), instance_path=folder), load())
    config = schemathesis.Config(seed=SEED)
    schema = schemathesis.openapi.from_dict(describe(app), config=config)
    schema.app = Relay()
    return schema


api = _api()


@pytest.fixture
def app(make_app):
    api.app.app = make_app(
        rate_limit_login=UNLIMITED,
        rate_limit_login_failed=UNLIMITED,
        rate_limit_user=UNLIMITED,
        max_body_bytes=2**22,  # so that no generated body is refused for its size
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
def test_responses_match_the_description(case, sign_in, wechat):
    wechat.sandbox.set_fault("busy", 0)  # a case of PUT /sandbox/fault may have set one
    operation = case.operation.definition.raw
    alice = sign_in("alice")  # for each case: some end the session or erase the account
    case.call_and_validate(
        headers=alice.headers if "security" in operation else {},
        excluded_checks=[positive_data_acceptance] if operation["operationId"] in SELECTIVE else [],
    )
