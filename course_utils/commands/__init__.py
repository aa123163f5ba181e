"""The commands of `python -m course_utils`: one module each, with `main(options) -> status`."""

import sys

# nbformat imports jsonschema, and that builds a grammar of web addresses for 2 s if it can. Reading
# notebooks needs none, and every command and every executed notebook would wait for it.
sys.modules.setdefault("rfc3987_syntax", None)
