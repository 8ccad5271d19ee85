"""Pipeline: a project file to a checked plan to resumable steps."""
