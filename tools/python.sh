#!/usr/bin/env bash
# Print the Python to build the environment with: 3.11 to 3.13, able to make virtual environments.
# An interpreter given as the first argument is the only one considered.
set -euo pipefail

supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
candidates=(python3.11 python3.12 python3.13 python3)
if [ $# -gt 0 ]; then candidates=("$1"); fi
tried=()
lacking=""
for name in "${candidates[@]}"; do
  # Run it: a version manager's shim can be on PATH for a Python that is not there.
  if ! "$name" -c "$supported" 2>/dev/null; then
    tried+=("$name: $("$name" --version 2>/dev/null || echo 'not found')")
  elif ! "$name" -c 'import ensurepip, venv' 2>/dev/null; then
    lacking=$name
  else
    command -v "$name"
    exit 0
  fi
done

if [ -n "$lacking" ]; then
  version=$("$lacking" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  echo "$lacking cannot make virtual environments: its ensurepip module is missing." >&2
  echo "Install it (Debian and Ubuntu: apt-get install python$version-venv), or name another" >&2
else
  echo "Assay needs Python 3.11, 3.12 or 3.13, and none was found:" >&2
  printf '  %s\n' "${tried[@]}" >&2
  echo "Install one of them, or name one that is not on PATH" >&2
fi
echo "with: make PYTHON=/path/to/python3 TARGET" >&2
exit 1
