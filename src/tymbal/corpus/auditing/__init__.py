"""What a corpus can carry: leaks, duplicates and confounds, found before a score is believed."""

from tymbal.corpus.auditing.findings import Finding
from tymbal.corpus.auditing.run import audit

__all__ = ["Finding", "audit"]
