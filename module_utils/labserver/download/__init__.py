"""Files from an ordered list of sources: the first that gives the right bytes is used.

`address` (URLs, and what is secret in them), `answer` (what a server's answer is) < `http` (transfers) < `index` (the
Python package index); `request` (the file, its sources, the result); `archive` (members); `declared` (a file that is
not what its name says) < `fetch`, which tries the sources in their order. `module` is the frame of the Ansible modules.
"""
