"""`python -m vec2pca` is the command `vec2pca`."""

import sys

from vec2pca.cli import main

if __name__ == "__main__":
    sys.exit(main())
