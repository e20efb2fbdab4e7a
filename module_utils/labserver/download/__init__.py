"""Files from an ordered list of sources: the first that gives the right bytes is used.

`request` (the file, its sources, the result) < `http`, `archive` < `index` (the Python package index) < `fetch`, which
tries the sources in their order. Imports nothing of the other packages but `errors` and `files`.
"""
