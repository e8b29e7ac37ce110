"""What the tests of the doctor may ask for: `look`, `installed`, `authority`, `pair`."""

import contextlib
import shutil

import pytest

from doctor import OUTSIDE, SERVER, Target, Trust, examine, parse_url, select
from doctor.network import Network
from tests.certificates import Authority
from tests.doctor.example import HSTS, HTTPS_REQUIRED, NAME, PRODUCTION, TLS, URL, at, nginx
from tests.servers import HOST, free_port


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.pair(NAME)


@pytest.fixture
def look(authority):
    """Run the checks on servers at these loopback ports as if they were the API; `{id: result}`."""

    def look(https=None, http=None, *, url=URL, server=None, only=(), timeout=20.0, ca=True):
        ends = https if isinstance(https, list) else [https or free_port()]
        given = {(NAME, 443): [at(end) for end in ends], (NAME, 80): [at(http or free_port())]}
        target = Target(
            parse_url(url),
            network=Network(given),
            trust=Trust(str(authority.file)) if ca is True else Trust(ca),
            server=server,
            timeout=timeout,
        )
        checks = OUTSIDE + (SERVER if server else [])
        return {each.id: each for each in examine(target, select(checks, only))}

    return look


@pytest.fixture
def installed(serve, pair):
    """A whole installation: Gunicorn in production mode behind Nginx with TLS."""
    with contextlib.ExitStack() as stack:

        def installed(inside="", location="", slash="", **settings):
            service = serve(**{**PRODUCTION, **settings})
            proxy = f"""
                {HSTS}
                gzip on; gzip_types application/json; gzip_min_length 20;
                client_max_body_size 1m;
                {inside}
                location /api/ {{
                    proxy_pass http://{HOST}:{service.port}{slash};
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-For $remote_addr;
                    proxy_set_header X-Forwarded-Proto https;
                    {location}
                }}
            """
            front = stack.enter_context(nginx(pair, proxy, plain=HTTPS_REQUIRED, tls=TLS))
            return service, front

        yield installed


@pytest.fixture
def letsencrypt(tmp_path, authority):
    """A folder as certbot makes it, with a certificate of this name."""
    pair = authority.pair(NAME)
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal" / f"{NAME}.conf").write_text("version = 2.1.0\n")
    (tmp_path / "live" / NAME).mkdir(parents=True)
    shutil.copy(pair.chain, tmp_path / "live" / NAME / "fullchain.pem")
    return tmp_path
