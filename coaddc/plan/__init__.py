"""The compiler: assemblies and an exposure table become one plan. It reads no file and no pixel."""
