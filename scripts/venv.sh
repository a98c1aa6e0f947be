# Sourced with the extras wanted, "" or "[dev]": makes, once, the virtual environment .venv below $here, and enters it.
stamp="$here/.venv/.installed$1"
if [ ! -e "$stamp" ] || [ "$here/pyproject.toml" -nt "$stamp" ]; then
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "coaddc needs Python 3.11 or later; python3 is $(python3 --version)" >&2; exit 1; }
  [ -d "$here/.venv" ] || python3 -m venv "$here/.venv"
  "$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$here$1"
  touch "$stamp"
fi
. "$here/.venv/bin/activate"
