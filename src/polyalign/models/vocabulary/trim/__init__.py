"""A vocabulary cut to what some languages need."""
