"""Checksums against astropy's, and what they are for."""

import numpy as np
import pytest
from astropy.io import fits

from coaddc.io.coadds.checksum import FULL, encoded, word_sum


def raw(size: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


@pytest.mark.parametrize("shape", [(7, 11), (1, 3), (40, 300)])
@pytest.mark.parametrize("kind", [">i2", ">f4", ">f8"])
def test_the_sum_of_words_is_astropys(shape, kind):
    data = raw(4000 * 300)[: np.prod(shape) * np.dtype(kind).itemsize].view(kind).reshape(shape)
    hdu = fits.ImageHDU(np.nan_to_num(data))
    assert word_sum(hdu.data.reshape(-1).view(np.uint8)) == int(hdu.add_datasum())


def test_a_sum_in_parts_is_the_sum_of_the_whole_and_carries_come_around():
    whole = raw(4 * 1001 + 3)
    assert word_sum(whole[4 * 300 :], word_sum(whole[: 4 * 300])) == word_sum(whole)
    assert word_sum(np.full(8, 255, np.uint8)) == FULL
    assert word_sum(np.array([0, 0, 0, 2], np.uint8), FULL) == 2


def test_the_text_of_any_sum_brings_it_to_all_bits_set():
    for total in [0, 1, FULL, 0x80000000, *raw(400).view(">u4").tolist()]:
        text = encoded(total)
        assert text.isalnum()
        assert len(text) == 16
        # As in a card, where the text begins at the 12th byte: words are cut one character later.
        words = np.frombuffer((text[1:] + text[:1]).encode(), np.uint8)
        zeros = word_sum(np.full(16, ord("0"), np.uint8))
        assert word_sum(words, total) == word_sum(np.frombuffer(zeros.to_bytes(4, "big"), np.uint8), FULL)
