"""Kernels: numba on arrays; they know no language."""
