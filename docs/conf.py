"""Sphinx configuration."""

from __future__ import annotations

import sys
from pathlib import Path

from polyalign import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "polyalign"
author = "polyalign contributors"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.bibtex", "methods_page"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
bibtex_bibfiles = ["../src/polyalign/references.bib"]
bibtex_default_style = "unsrt"
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
nitpicky = False
html_theme = "furo"
html_title = f"polyalign {release}"
