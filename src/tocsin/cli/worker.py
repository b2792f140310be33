"""``tocsin worker``."""

import threading

import click

from tocsin.cli.options import be_whole, ready, with_program
from tocsin.machine.processes import follow_leash, stop_on_signals
from tocsin.telemetry.events import Event
from tocsin.wiring import Program

ROLES = ("planner", "sender", "all")


@click.command()
@click.option("--role", type=click.Choice(ROLES), default="all", show_default=True)
@click.option("--leash", is_flag=True, hidden=True, help="End when standard input does.")
@with_program
def worker(program: Program, role: str, leash: bool) -> None:
    """Do the work of one process: plan and cut, or send, or both."""
    ready(program).check_keys()
    stop = threading.Event()
    loops = {}
    if role != "sender":
        loops["desk"] = program.desk().run
    if role != "planner":
        loops["sender"] = program.sender().run
    if not leash:  # else the parent listens, for all of its processes
        loops["listener"] = program.listener(program.bells.ring).run
    be_whole(program)
    with stop_on_signals(stop, leashed=leash):
        if leash:
            follow_leash(stop.set, told=program.bells.ring)
        program.telemetry.emit(Event.STARTED, role=role)
        threads = []
        try:
            for name, loop in loops.items():
                thread = threading.Thread(target=loop, args=(stop,), name=name)
                thread.start()
                threads.append(thread)
            stop.wait()
        finally:
            stop.set()
            program.bells.ring_all()
            for thread in threads:
                thread.join()
        program.telemetry.emit(Event.STOPPED, role=role)
