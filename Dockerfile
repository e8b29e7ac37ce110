# One image for the service, its migrations and its jobs: docs/guides/container.md
# 服务、迁移和定时任务共用一个镜像：docs/guides/container.zh-CN.md
ARG BASE_IMAGE=python:3.13-slim

# Only what says which packages to install, so that a change of code installs nothing anew.
FROM ${BASE_IMAGE} AS requirements
COPY . /src
RUN mkdir /requirements \
    && cp /src/requirements.txt /requirements/myapi.txt \
    && if [ -e /src/app/requirements.txt ]; then cp /src/app/requirements.txt /requirements/app.txt; fi

FROM ${BASE_IMAGE} AS packages
# Where packages come from, if they arrive slowly. pip takes an empty variable for an address.
ARG PIP_INDEX_URL
COPY --from=requirements /requirements /requirements
RUN [ -n "$PIP_INDEX_URL" ] || unset PIP_INDEX_URL; \
    python3 -m venv /pip \
    && python3 -m venv --without-pip /venv \
    && set -- && for file in /requirements/*.txt; do set -- "$@" --requirement "$file"; done \
    && /pip/bin/python -m pip --python /venv/bin/python install \
        --quiet --no-cache-dir --disable-pip-version-check --require-hashes "$@"

# What `flask backup` of MySQL runs, mariadb-dump, with the libraries and plugins that it needs: the
# whole package has 100 MB more. APT_MIRROR takes the place of Debian's archive.
FROM ${BASE_IMAGE} AS tools
ARG APT_MIRROR
RUN if [ -n "$APT_MIRROR" ]; then \
        sed -i "s#https\?://[^ ]*/debian\( \|\$\)#$APT_MIRROR\1#" \
            $(find /etc/apt -name '*.sources' -o -name sources.list); \
    fi \
    && touch /before \
    && apt-get -qq update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
        mariadb-client >/dev/null \
    && own="/usr/bin/mariadb-dump $(find /usr/lib -path '*/libmariadb3/plugin/*.so')" \
    && needed=$(ldd $own | sed -n 's/.*=> \(.*\) (.*/\1/p' | sort -u) \
    && for file in $own $needed; do \
        [ -z "$(find "$(realpath "$file")" -cnewer /before)" ] \
            || install -D "$file" "/tools$(realpath "$(dirname "$file")")/$(basename "$file")"; \
    done

FROM ${BASE_IMAGE}
COPY --from=tools /tools /
COPY --from=packages /venv /venv
WORKDIR /srv/myapi
COPY . .
# Data is in /data, the SQLite file too: the code can be read-only. New volumes are given the owner
# that these folders have here.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash . \
    && echo 'myapi:x:10001:10001::/data:/usr/sbin/nologin' >>/etc/passwd \
    && echo 'myapi:x:10001:' >>/etc/group \
    && install -d -o 10001 -g 10001 -m 700 /data /backups \
    && ln -s /data instance
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    MYAPI_ENV=production \
    PORT=8000
USER 10001:10001
# Not before Caddy has seen that it answers: the other copy is replaced then.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "deploy/container/healthy.py"]
CMD ["python", "-m", "gunicorn", "wsgi:app"]
