"""Report: a finished run as one self-contained HTML page."""
