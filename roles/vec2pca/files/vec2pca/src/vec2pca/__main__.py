"""`python -m vec2pca` is the command `vec2pca`."""

import sys

from vec2pca.cli import program

if __name__ == "__main__":
    sys.exit(program())
