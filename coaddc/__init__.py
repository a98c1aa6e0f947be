"""coaddc, the coadd compiler: the descriptors of a coadd are keys of its data ID."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coaddc.store.butler import Butler

__all__ = ["Butler"]


def __getattr__(name: str) -> Any:
    """Import what is public when it is first used: ``import coaddc`` takes no time, so ``--help`` neither."""
    if name == "Butler":
        from coaddc.store.butler import Butler

        return Butler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
