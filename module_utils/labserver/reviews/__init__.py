"""What the modules review_set, review_import, review_sample and review_text do with files of reviews.

The order in which the files of this package import each other, and the packages below it:

- `records` (blocks of text, of package `content`, to lines to JSON) < `extraction` (their text)
- `manifest` (what an output was made from) < `output` (make it unless it is up to date) < `module` (for Ansible)
- `csv_import`, `sample`, `text`: one request and one module each; `sample` hands the source to package `sampling`,
  which takes anything that has blocks and so imports nothing from here
- `sets`: the first review set that is available, by package `download`
"""
