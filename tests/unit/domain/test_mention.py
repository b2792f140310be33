"""What is in use is named in a sentence of bounded length."""

from tocsin.domain.mention import Mention, mentions_text


def test_few_are_named_and_the_rest_counted() -> None:
    mentions = [Mention("push task", number, "Sale", is_exclude=False) for number in range(1, 8)]

    assert mentions_text(mentions[:1]) == "push task 1 (Sale)"
    assert mentions_text(mentions[:2]) == "push task 1 (Sale), push task 2 (Sale)"
    assert mentions_text(mentions).endswith("push task 5 (Sale) and 2 more")
