"""What `up` was told before and is not told now."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from deploy.lib import paths, site
from deploy.lib.state import read_state

FORGET = ["none"]  # --behind none, --ssh-from none


def fill_in(options: Namespace) -> None:
    """Fill in the options of `up` that are not given."""
    live, state = site.live_site(), read_state()
    options.domain = options.domain or (live.domain if live else None)
    options.behind = _given(options.behind, live.behind if live else ())
    options.ssh_from = _given(options.ssh_from, state.get("ssh_from", ()))
    options.acme_server = options.acme_server or state.get("acme_server")


def certificate(options: Namespace, domain: str) -> Path | None:
    """Return the folder of the certificate that is in use, if it is to be kept.

    None if the options name another kind of certificate, or if it is for another domain.
    """
    live = site.live_site()
    if options.cert or live is None or live.domain != domain:
        return None
    if options.email and live.has_own_certificate:
        return None
    return live.certificate if live.has_certificate else None


def own_certificate(options: Namespace) -> bool:
    """Whether the site has the operator's own certificate, or is about to get it."""
    return bool(options.cert) or certificate(options, options.domain) == paths.TLS


def _given(given: list[str], before: tuple[str, ...] | list[str]) -> list[str]:
    return [] if given == FORGET else given or list(before)
