#!/bin/sh
# Finds a python3 that will do, or says in one sentence what is missing and how to get it.
# Then environment.py does the work: it may use Python 3.11, this may not even count on Python.
set -eu

say() {
    echo "signalbox: $1" >&2
    exit 1
}

python=${PYTHON3:-python3}
command -v "$python" >/dev/null 2>&1 ||
    say "python3 is missing; install it with: apt-get install -y python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    say "$("$python" -V 2>&1) is too old, Python 3.11 or newer is needed; on Debian 12 or later: apt-get install -y python3 python3-venv"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    say "this python3 cannot make virtual environments; install that part with: apt-get install -y python3-venv"

exec "$python" "$(dirname "$0")/environment.py" "$@"
