"""The only room that draws: pages and figures from the results of other rooms."""

from tymbal.report.page import Report, write_report

__all__ = ["Report", "write_report"]
