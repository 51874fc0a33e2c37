#!/bin/sh
# Makes the virtual environment, or says what is missing. Arguments: the Python to use, the directory to make.
set -eu
python=$1
directory=$2
if ! command -v "$python" >/dev/null 2>&1; then
    echo "headnode: there is no '$python' here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "headnode: $("$python" --version) is too old; Python 3.11 or newer is needed. Name one: make PYTHON=python3.12" >&2
    exit 1
fi
if [ -x "$directory/bin/python" ] && "$directory/bin/python" -c 'import pip' 2>/dev/null; then
    exit 0
fi
if ! "$python" -m venv "$directory"; then
    rm -rf "$directory"
    echo "headnode: '$python -m venv' failed (on Debian and Ubuntu: apt install python3-venv)" >&2
    exit 1
fi
