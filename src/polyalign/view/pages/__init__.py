"""The pages, one file each: what it shows and what it answers its script."""
