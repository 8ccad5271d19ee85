"""New rows made from old ones, for later training; the old ones stay as they are."""
