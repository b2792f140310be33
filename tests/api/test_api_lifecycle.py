"""Any order of calls over the life of push tasks leaves what a small model says."""

from dataclasses import dataclass, field
from typing import Any

from face import Answer, Face, task
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from tocsin.domain.instants import hood_text

HOUR_MS = 3_600_000
PATH = "/v1/hood/push-tasks"
LIVE = ("cutting", "paused")


@dataclass
class Model:
    """What is expected of one task. executions: their states, oldest first.

    slot_ms: the last slot that was dealt with; last_ms: the last execution.
    """

    name: str
    status: int
    frequency_ms: int | None
    anchor_ms: int | None = None
    next_ms: int | None = None
    slot_ms: int | None = None
    last_ms: int | None = None
    deleted: bool = False
    executions: list[str] = field(default_factory=list)

    def activate(self, now_ms: int) -> None:
        if self.status == 1:
            return
        self.status = 1
        if self.slot_ms is None or self.anchor_ms is None:
            self.anchor_ms = now_ms
        if self.frequency_ms is None:
            self.next_ms = now_ms if self.slot_ms is None else None
        else:
            # The first one that is not over for a minute, and was not executed.
            after_ms = max(now_ms - 60_001, -1 if self.slot_ms is None else self.slot_ms)
            passed = max(0, (after_ms - self.anchor_ms) // self.frequency_ms + 1)
            self.next_ms = self.anchor_ms + passed * self.frequency_ms
        self.executions = ["cutting" if one == "paused" else one for one in self.executions]

    def deactivate(self) -> None:
        self.status, self.next_ms = 0, None
        self.executions = ["paused" if one == "cutting" else one for one in self.executions]

    def fall_due(self, now_ms: int) -> None:
        """The newest slot is executed unless its hour of ttl is over; all others are missed."""
        if self.deleted or self.next_ms is None or self.next_ms > now_ms:
            return
        self.slot_ms, self.next_ms = self.next_ms, None
        if self.frequency_ms is not None:
            passed = (now_ms - self.slot_ms) // self.frequency_ms
            self.executions += ["missed"] * passed
            self.slot_ms += passed * self.frequency_ms
            self.next_ms = self.slot_ms + self.frequency_ms
        if now_ms - self.slot_ms < HOUR_MS:
            self.end("done")
            self.executions.append("cutting")
            self.last_ms = self.slot_ms
        else:
            self.executions.append("missed")
            self.finish_if_idle()

    def end(self, state: str) -> None:
        self.executions = [state if one in LIVE else one for one in self.executions]

    def finish_if_idle(self) -> None:
        if self.status == 1 and self.next_ms is None and not set(self.executions) & set(LIVE):
            self.status = 2


class Lifecycle(RuleBasedStateMachine):
    """Calls over HTTP; what the workers do in between is done at once and in order."""

    tasks = Bundle("tasks")
    face: Face

    def __init__(self) -> None:
        super().__init__()
        self.token = self.face.token(self.face.account())
        self.models: dict[str, Model] = {}

    @property
    def now_ms(self) -> int:
        return self.face.clock.now_ms()

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        return self.face.call(method, path, body, token=self.token)

    def expect(
        self, answer: Answer, model: Model, *, open_only: bool = True, changes: bool = True
    ) -> bool:
        """Check the refusals that any call may meet; return whether it was carried out.

        A call that changes a task deals first with what is due of it.
        """
        if changes and answer.status in (201, 204):
            model.fall_due(self.now_ms)
            self.face.close()
        if model.deleted:
            assert answer.status == 404
        elif open_only and model.status == 2:
            assert answer.status == 409
        else:
            assert answer.status in (201, 204), answer.body
            return True
        return False

    @rule(target=tasks, status=st.sampled_from([0, 1]), hours=st.sampled_from([None, 1, 5]))
    def create(self, status: int, hours: int | None) -> str:
        frequency = None if hours is None else hours * 3600
        answer = self.call("POST", PATH, task(status=status, frequency=frequency))
        assert answer.status == 201, answer.body
        model = Model("Sale", 0, None if hours is None else hours * HOUR_MS)
        if status:
            model.activate(self.now_ms)
        self.models[answer.json["id"]] = model
        return str(answer.json["id"])

    @rule(task_id=tasks, name=st.sampled_from(["Sale", "Other", "ž" * 127]))
    def rename(self, task_id: str, name: str) -> None:
        model = self.models[task_id]
        if self.expect(self.call("PATCH", f"{PATH}/{task_id}", {"name": name}), model):
            model.name = name

    @rule(task_id=tasks, bad=st.sampled_from([{"nmae": "x"}, {"ttl": -1}, {"id": None}]))
    def patch_badly(self, task_id: str, bad: dict[str, Any]) -> None:
        model = self.models[task_id]
        answer = self.call("PATCH", f"{PATH}/{task_id}", bad)
        assert answer.status == (404 if model.deleted else 409 if model.status == 2 else 400)

    @rule(task_id=tasks, by_patch=st.booleans())
    def pause(self, task_id: str, by_patch: bool) -> None:
        model = self.models[task_id]
        if self.expect(self.tell(task_id, "pause", {"status": 0}, by_patch), model):
            model.deactivate()

    @rule(task_id=tasks, by_patch=st.booleans())
    def resume(self, task_id: str, by_patch: bool) -> None:
        model = self.models[task_id]
        if self.expect(self.tell(task_id, "resume", {"status": "1"}, by_patch), model):
            model.activate(self.now_ms)

    def tell(self, task_id: str, command: str, patch: dict[str, Any], by_patch: bool) -> Answer:
        if by_patch:
            return self.call("PATCH", f"{PATH}/{task_id}", patch)
        return self.call("POST", f"{PATH}/{task_id}/{command}")

    @rule(task_id=tasks)
    def cancel(self, task_id: str) -> None:
        model = self.models[task_id]
        answer = self.call("POST", f"{PATH}/{task_id}/cancel")
        if self.expect(answer, model, open_only=False):
            model.end("cancelled")
            model.finish_if_idle()

    @rule(task_id=tasks)
    def run(self, task_id: str) -> None:
        model = self.models[task_id]
        answer = self.call("POST", f"{PATH}/{task_id}/run")
        if not model.deleted and model.status == 0:
            assert answer.status == 409
        elif self.expect(answer, model):
            model.end("done")
            model.executions.append("cutting")
            model.last_ms = self.now_ms

    @rule(target=tasks, task_id=tasks)
    def copy(self, task_id: str) -> str:
        model = self.models[task_id]
        answer = self.call("POST", f"{PATH}/{task_id}/copy")
        if not self.expect(answer, model, open_only=False, changes=False):
            return task_id
        self.models[answer.json["id"]] = Model(model.name, 0, model.frequency_ms)
        return str(answer.json["id"])

    @rule(task_id=tasks)
    def delete(self, task_id: str) -> None:
        model = self.models[task_id]
        answer = self.call("DELETE", f"{PATH}/{task_id}")
        if self.expect(answer, model, open_only=False):
            model.deleted = True

    @rule(minutes=st.sampled_from([0, 1, 59, 60, 61]))
    def plan(self, minutes: int) -> None:
        """Let time pass and due slots become executions; earlier ones are swept and closed."""
        self.face.clock.forward(minutes * 60_000)
        self.face.plan()
        for model in self.models.values():
            model.fall_due(self.now_ms)

    @rule()
    def send(self) -> None:
        """Let everything that is under way be cut and closed: there is nobody to be sent."""
        self.face.cut_and_close()
        for model in self.models.values():
            if "cutting" in model.executions and not model.deleted:
                model.executions = ["done" if one == "cutting" else one for one in model.executions]
                model.finish_if_idle()

    @invariant()
    def the_views_say_the_same(self) -> None:
        listed = self.call("GET", f"{PATH}?page=1,500").json
        alive = {id_: model for id_, model in self.models.items() if not model.deleted}
        assert {item["id"] for item in listed["items"]} == set(alive)
        assert listed["total"] == len(alive)
        for item in listed["items"]:
            model = alive[item["id"]]
            assert (item["name"], item["status"]) == (model.name, str(model.status))
            assert item["next_execution_time"] == _text(model.next_ms)
            assert item["last_execution_time"] == _text(model.last_ms)
            executions = self.call("GET", f"{PATH}/{item['id']}/executions?page=1,500").json
            assert [one["state"] for one in executions["items"]] == model.executions[::-1]


def _text(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else hood_text(instant_ms)


def test_any_order_of_calls(own_face: Face) -> None:
    class Here(Lifecycle):
        pass

    Here.face = own_face
    run_machine(Here, settings=settings(max_examples=25, stateful_step_count=25, deadline=None))
