"""Motion model files: reading, key formats, families, loading, unsupported files."""
