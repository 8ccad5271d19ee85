"""Several trained models, or adapters, made into one."""
