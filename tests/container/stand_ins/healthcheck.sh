#!/bin/sh
exec mariadb --user=healthcheck --execute='SELECT 1' >/dev/null
