"""Who is woken for what."""

from tocsin.workers.bells import EVERYTHING, Bells, News


def test_a_bell_rings_for_its_topics_alone() -> None:
    bells = Bells()
    calendar, sending, deaf = (
        bells.hang(News.CALENDAR),
        bells.hang(News.EXECUTIONS, News.PARCELS),
        bells.hang(),
    )

    bells.ring(["parcels"])
    assert [bell.is_set() for bell in (calendar, sending, deaf)] == [False, True, False]

    sending.clear()
    bells.ring([])
    assert not sending.is_set()
    bells.ring(EVERYTHING)
    assert [bell.is_set() for bell in (calendar, sending, deaf)] == [True, True, False]


def test_what_a_newer_program_may_mean_rings_for_everything() -> None:
    bells = Bells()
    calendar = bells.hang(News.CALENDAR)

    bells.ring(["moon"])

    assert calendar.is_set()


def test_the_stop_rings_every_bell() -> None:
    bells = Bells()
    deaf = bells.hang()

    bells.ring_all()

    assert deaf.is_set()
