"""The readers of reviews and of web servers, and the random choice of lines: what modules and vec2pca share.

They lie here, for a package has to hold all of itself; `module_utils/labserver` links to them. A line is thus the same
line on one machine and on a cluster.
"""
