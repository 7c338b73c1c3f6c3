#!/bin/sh
# Say which programs `make test-reach` lacks and how to get them; exit code 1 if any is missing.
missing=
need() { # PROGRAM PACKAGE
  command -v "$1" >/dev/null || missing="$missing $2"
}
need cmake cmake
need c++ g++
need aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
need qemu-aarch64 qemu-user
code=0
if [ -n "$missing" ]; then
  echo "error: programs are missing; on Debian and Ubuntu: apt install$missing" >&2
  code=1
fi
if ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
  echo "error: Node.js 20.9 or newer, with npm, is missing; on Debian 13: apt install nodejs npm; else see nodejs.org" >&2
  code=1
fi
exit $code
