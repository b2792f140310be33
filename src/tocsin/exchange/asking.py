"""The one way from a draw to the request that asks a demand source for it."""

from tocsin.exchange import bid_request, feed_request
from tocsin.exchange.question import OPENRTB, Ask, Question, Source


def ask_of(source: Source, question: Question, *, id: str) -> Ask:  # noqa: A002 - OpenRTB's word
    """Return the request that asks *source*, in its protocol, for the draw of *question*.

    id: names the question; answers of OpenRTB repeat it.
    """
    if source.protocol == OPENRTB:
        return bid_request.ask_of(source, question, id=id)
    return feed_request.ask_of(source, question)
