from concurrent.futures import ThreadPoolExecutor

import pytest

from coaddc.engine.opened import Opened
from coaddc.model.errors import DataError
from coaddc.model.exposures import ExposureRow
from coaddc.model.images import Exposure
from coaddc.model.survey import Survey
from tests.assemblies import small_survey


def test_an_exposure_is_opened_once_until_others_push_it_out() -> None:
    survey, _ = small_survey(seed=None, visits=2)
    first, second, third = survey.table[:3]
    asked: list[str] = []

    def open_exposure(described: Survey, row: ExposureRow) -> Exposure:
        asked.append(row.file)
        return survey.open(described, row)

    opened = Opened(open_exposure, most=2)
    description = Survey(name="memory", path="")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: opened(description, first), range(20)))
    assert all(exposure is found[0] for exposure in found)
    for row in (second, first, third, first, second):
        assert opened(description, row).row == row
    assert asked == [first.file, second.file, third.file, second.file]


def test_what_could_not_be_opened_is_tried_again() -> None:
    survey, _ = small_survey(seed=None, visits=1)
    tries: list[int] = []

    def open_exposure(described: Survey, row: ExposureRow) -> Exposure:
        tries.append(len(tries))
        if len(tries) == 1:
            raise DataError("the file is being written")
        return survey.open(described, row)

    opened = Opened(open_exposure)
    description = Survey(name="memory", path="")
    with pytest.raises(DataError, match="being written"):
        opened(description, survey.table[0])
    assert opened(description, survey.table[0]).row == survey.table[0]
    assert len(tries) == 2
