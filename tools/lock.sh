#!/usr/bin/env bash
# Resolve Assay and its development tools from the package index into constraints.txt.
# Usage: tools/lock.sh [TORCH_VERSION]     default: the version pinned now
set -euo pipefail
cd "$(dirname "$0")/.."

torch=${1:-$(sed -n 's/^torch==//p' constraints.txt)}
python=$(tools/python.sh)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$python" -m venv "$scratch/venv"
pip=("$scratch/venv/bin/python" -m pip --disable-pip-version-check)
"${pip[@]}" install --quiet --upgrade pip
"${pip[@]}" install "torch==$torch"
"${pip[@]}" install --quiet "torch==$torch" -e '.[dev]'

# Left out: the project itself, and what torch pins exactly for its own platform. A local version
# such as +cpu goes too, so that the pin also holds where the index has another build of torch.
"${pip[@]}" freeze --exclude-editable |
  grep -viE '^(assay|nvidia-|cuda-|triton)' |
  sed 's/+[A-Za-z0-9.]*$//' |
  LC_ALL=C sort --ignore-case > "$scratch/pins"

{
  echo "# Every version Assay is tested with. Made by: tools/lock.sh $torch"
  echo "# Use: pip install 'torch==$torch' && pip install -c constraints.txt -e '.[dev]'"
  cat "$scratch/pins"
} > "$scratch/constraints.txt"
mv "$scratch/constraints.txt" constraints.txt
echo "constraints.txt: $(wc -l < "$scratch/pins") packages"
