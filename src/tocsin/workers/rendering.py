"""One order, rendered once per language and reused for every recipient."""

from typing import Final

from tocsin.domain.execution import Order
from tocsin.domain.message import Payload, choose_language, compile_payload, from_json

_MOST_ASKED: Final = 1000  # anybody may make up tags; they all lead to the same few payloads


class Rendering:
    """The payloads of one execution, compiled when a language first asks for its own."""

    def __init__(self, order: Order, *, task_id: int) -> None:
        self._message = from_json(order.message)
        self._custom_data = order.custom_data
        self._fallback_tag = f"tocsin-{task_id}"
        self._by_chosen: dict[str, Payload] = {}
        self._by_asked: dict[str | None, Payload] = {}

    def payload(self, language: str | None) -> Payload:
        """Return the payload for a recipient of *language*."""
        found = self._by_asked.get(language)
        if found is None:
            if len(self._by_asked) >= _MOST_ASKED:
                self._by_asked.clear()
            chosen = choose_language(self._message, language)
            if chosen not in self._by_chosen:
                self._by_chosen[chosen] = compile_payload(
                    self._message,
                    chosen,
                    fallback_tag=self._fallback_tag,
                    custom_data=self._custom_data,
                )
            found = self._by_asked[language] = self._by_chosen[chosen]
        return found
