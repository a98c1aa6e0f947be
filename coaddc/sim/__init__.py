"""A sky with known truth."""
