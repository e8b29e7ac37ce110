#!/bin/sh
# Runs a flask command as the user myapi, with the settings of the service: sudo myapi users list
release=$(readlink -f /opt/myapi/current) || exit 1
[ "$(id -u)" = 0 ] || { echo 'run it with sudo · 请用 sudo 运行' >&2; exit 1; }
if [ -t 0 ] && [ -t 1 ]; then terminal=--pty; else terminal=--pipe; fi
exec systemd-run --quiet "$terminal" --wait --collect -p User=myapi -p UMask=0077 \
  --setenv=SUDO_USER="${SUDO_USER:-root}" \
  -p EnvironmentFile=/etc/myapi/env -p WorkingDirectory="$release" \
  -- "$release/.venv/bin/python" -m flask "$@"
