"""What tables of products say beside the keys."""

from collections.abc import Iterable

from coaddc.model.errors import ConfigError

#: Columns besides the keys, and what SQLite stores in them.
FACTS = {
    "address": "TEXT PRIMARY KEY",
    "data_id": "TEXT",
    "digest": "TEXT",
    "recipe": "TEXT",
    "published": "TEXT",
    "n_inputs": "INTEGER",
}
#: Facts that predicates may name and tables show.
SHOWN = ("n_inputs", "published", "digest", "recipe")


def check_keys(keys: Iterable[str]) -> None:
    """Refuse keys that bear the name of a fact.

    Raises
    ------
    ConfigError
        Where one does.
    """
    taken = sorted({key for key in keys if key.lower() in (*FACTS, "path")})
    if taken:
        raise ConfigError(
            f"a key may not be called {' nor '.join(taken)}: tables of products have that column"
        )
