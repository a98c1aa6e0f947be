"""The air that bends light."""

from dataclasses import dataclass

from coaddc.model.errors import ConfigError
from coaddc.model.options import option


@dataclass(frozen=True, kw_only=True)
class Air:
    """The air at the telescope, which bends light."""

    pressure: float = option(780.0, "hPa")
    temperature: float = option(10.0, "degrees Celsius")
    humidity: float = option(0.3, "relative, 0 to 1")

    def __post_init__(self) -> None:
        if self.pressure <= 0 or not 0 <= self.humidity <= 1:
            raise ConfigError(
                f"survey.air: expected pressure > 0, humidity 0 to 1; got {self.pressure}, {self.humidity}"
            )
