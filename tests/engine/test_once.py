from concurrent.futures import ThreadPoolExecutor
from threading import Event, get_ident

from coaddc.engine.once import Once, one_by_one


def test_a_value_is_made_once_whoever_asks_and_however_often() -> None:
    asked, release = [], Event()

    def make() -> list[int]:
        asked.append(get_ident())
        assert release.wait(10)
        return [7]

    value = Once(make)
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(value) for _ in range(8)]
        release.set()
        answers = [future.result() for future in found]
    assert len(asked) == 1
    assert all(answer is answers[0] for answer in answers)
    assert value() is answers[0]


def test_pieces_of_work_take_turns_with_what_else_the_pool_does() -> None:
    order: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        started = Event()
        pool.submit(started.wait, 10)
        one_by_one(pool, [lambda name=name: order.append(name) for name in "abc"])
        others = [pool.submit(order.append, name) for name in "xy"]
        started.set()
        for other in others:
            other.result()
        while len(order) < 5:
            pool.submit(int).result()
    assert order == ["a", "x", "y", "b", "c"]
