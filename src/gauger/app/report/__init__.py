"""The report of a scan: one JSON document, shown as a self-contained page or as a table in the terminal.

The document's schema is ``report.schema.json`` beside this file, described in docs/reference/report.md.
"""

from gauger.app.report.html import render_html
from gauger.app.report.terminal import summary_table

SCHEMA_ID = "gauger/scan-report/1"

__all__ = ["SCHEMA_ID", "render_html", "summary_table"]
