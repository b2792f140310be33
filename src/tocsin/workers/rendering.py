"""One order, rendered once per language and reused for every recipient."""

from collections import OrderedDict
from typing import Final

from tocsin.domain.adex import shown_message
from tocsin.domain.execution import Order
from tocsin.domain.macros import recipient_values, task_values
from tocsin.domain.message import choose_language, compile_payload, fallback_tag
from tocsin.domain.payload import Payload
from tocsin.domain.subscription import Recipient

_MOST_ASKED: Final = 1000  # anybody may make up tags; they all lead to the same few payloads
_MOST_KEPT: Final = 64


class Rendering:
    """The payloads of one execution, compiled when a language first asks for its own."""

    def __init__(self, order: Order, *, task_id: int) -> None:
        self._message = shown_message(order.message, order.adex)
        self._is_drawn = order.adex is not None
        self._custom_data = order.custom_data
        self._fallback_tag = fallback_tag(str(task_id))
        self._of_task = task_values(task_id=str(task_id), name=order.name)
        self._by_chosen: dict[str, Payload] = {}
        self._by_asked: dict[str | None, Payload] = {}

    def render(self, recipient: Recipient, token: str, *, now_ms: int) -> bytes:
        """Return the plaintext of the message that *token* names, for its recipient."""
        payload = self.payload(recipient.language)
        if not payload.needs:
            return payload.fill(token)
        known = recipient.known or {}
        return payload.fill(token, recipient_values(payload.needs, known, now_ms=now_ms))

    def payload(self, language: str | None) -> Payload:
        """Return the payload for a recipient of *language*."""
        found = self._by_asked.get(language)
        if found is None:
            if len(self._by_asked) >= _MOST_ASKED:
                self._by_asked.clear()
            chosen = "" if self._message is None else choose_language(self._message, language)
            if chosen not in self._by_chosen:
                self._by_chosen[chosen] = compile_payload(
                    self._message,
                    chosen,
                    fallback_tag=self._fallback_tag,
                    custom_data=self._custom_data,
                    is_fallback=self._is_drawn,
                    fixed=self._of_task,
                )
            found = self._by_asked[language] = self._by_chosen[chosen]
        return found


class Renderings:
    """Those of the last executions that were sent."""

    def __init__(self) -> None:
        self._of_execution: OrderedDict[int, Rendering] = OrderedDict()

    def of(self, execution_id: int, order: Order, *, task_id: int) -> Rendering:
        """Return the rendering of an execution's order."""
        found = self._of_execution.get(execution_id)
        if found is None:
            found = self._of_execution[execution_id] = Rendering(order, task_id=task_id)
            if len(self._of_execution) > _MOST_KEPT:
                self._of_execution.popitem(last=False)
        return found
