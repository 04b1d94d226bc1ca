"""Ten visitors of one server, without browsers: what they wait for, and what the server needs.

python -m benchmarks.bench_visitors [SECONDS] [VISITORS] [SEARCHING]

Each speaks to the app in Streamlit's messages over a WebSocket, as a browser that keeps none of them, and moves his
deadline every five seconds to a value that he has not asked before; two have a search in their basket, which begins
anew each time. No two have the same requests, so that nobody reads what was computed for another. Measured: from the
change to another headline of the verdict, what the server and the processes that search beside it use after the first
minute, their memory then and at the end, and the rest once the last tab is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app.background.jobs import GRACE_S
from app.state.first_scenario import FIRST_PLACEMENTS, first_scenario
from app.state.session import with_values
from benchmarks.bench_app import say, server_cpu_s, server_memory_mib
from planner.scenario.link import encode_scenario
from tools.screenshots import beside, running_server

VISITORS, SEARCHING, SECONDS = 10, 2, 180
EVERY_S, AT_MOST_S, FIRST_MINUTE_S = 5.0, 30.0, 60.0
SLIDER = "Deadline, times alone (SLO scale)"
_HEADLINE = re.compile(r'class="verdict"[^>]*>(.*?)</p>', re.DOTALL)


def scenario_link(number: int, searching: int) -> str:
    """The sample with requests of its own for each visitor; the first ones search."""
    sample = first_scenario()
    trace = sample.workload.trace
    assert trace is not None
    return encode_scenario(
        with_values(
            with_values(sample, "workload.trace", rate_scale=round((trace.rate_scale or 1) * (1 + number / 200), 4)),
            "",
            placements=[s.model_dump() for s in FIRST_PLACEMENTS if number < searching or s.name != "AlpaServe"],
        )
    )


class Visitor:
    """One tab: what it shows of the verdict, and how long each change took.

    Attributes:
        waits_s: when each change was, and the seconds to another headline, None where none came.
        errors: sentences of failed scripts.
        has_slider: set once there is something to move.
    """

    def __init__(self, socket: ClientConnection, query: str) -> None:
        self.waits_s: list[tuple[float, float | None]] = []
        self.errors: list[str] = []
        self._socket, self._query = socket, query
        self._headline = self._slider = self._page = ""
        self._value: float | None = None
        self._is_new = asyncio.Event()
        self.has_slider = asyncio.Event()
        self._repeats: dict[str, asyncio.Task] = {}

    async def ask(self, fragment: str = "") -> None:
        """Have the page, or a fragment of it, drawn as the controls stand."""
        state = ClientState(
            query_string=self._query,
            page_script_hash=self._page,
            fragment_id=fragment,
            is_auto_rerun=bool(fragment),
        )
        if self._value is not None:
            widget = state.widget_states.widgets.add(id=self._slider)
            widget.double_array_value.data.append(self._value)
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())

    async def read(self) -> None:
        """Take what the server sends, until the tab is closed."""
        async for data in self._socket:
            message = ForwardMsg()
            message.ParseFromString(data if isinstance(data, bytes) else data.encode())
            self._take(message)

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self._page = message.new_session.page_script_hash
            self.stop_repeating()
        elif kind == "auto_rerun":
            fragment = message.auto_rerun.fragment_id
            if fragment not in self._repeats:
                self._repeats[fragment] = asyncio.ensure_future(self._repeat(fragment, message.auto_rerun.interval))
        elif kind == "stop_auto_rerun":
            self.stop_repeating(message.stop_auto_rerun.fragment_ids)
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            if element.HasField("slider") and element.slider.label == SLIDER:
                self._slider = element.slider.id
                self.has_slider.set()
            elif element.HasField("exception"):
                self.errors.append(element.exception.message)
            elif element.HasField("html"):
                self._note_headline(element.html.body)

    def _note_headline(self, html: str) -> None:
        found = _HEADLINE.search(html)
        if found and found[1] != self._headline:
            self._headline = found[1]
            self._is_new.set()

    async def _repeat(self, fragment: str, interval_s: float) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(interval_s)
                await self.ask(fragment)

    def stop_repeating(self, fragments: Iterable[str] | None = None) -> None:
        """Leave some of the fragments that draw themselves anew; all if none are named."""
        for fragment in list(self._repeats) if fragments is None else fragments:
            if (task := self._repeats.pop(fragment, None)) is not None:
                task.cancel()

    async def move(self, value: float) -> None:
        """Move the deadline, and note how long another headline takes."""
        self._value = value
        self._is_new.clear()
        began_s = time.monotonic()
        await self.ask()
        self.waits_s.append((began_s, await self.headline(began_s)))

    async def headline(self, began_s: float) -> float | None:
        """Seconds until the verdict says something else; None if it does not."""
        try:
            async with asyncio.timeout(AT_MOST_S):
                await self._is_new.wait()
        except TimeoutError:
            return None
        return time.monotonic() - began_s


def deadlines(number: int) -> Iterator[float]:
    """The values of a visitor, each once before any comes again."""
    values = np.arange(2.0, 20.5, 0.5)
    return itertools.cycle(np.roll(values, -3 * number).tolist())


async def visit(address: str, number: int, searching: int, until_s: float, visitors: list[Visitor]) -> None:
    """Open a tab, change something every few seconds, and close it."""
    url = address.replace("http", "ws") + "/_stcore/stream"
    async with connect(url, max_size=None, subprotocols=["streamlit"], origin=address) as socket:  # pyright: ignore
        visitor = Visitor(socket, f"s={scenario_link(number, searching)}")
        visitors.append(visitor)
        reading = asyncio.ensure_future(visitor.read())
        # Nobody begins in the same moment as another.
        await asyncio.sleep(EVERY_S * number / VISITORS)
        await visitor.ask()
        await visitor.has_slider.wait()
        for value in deadlines(number):
            if time.monotonic() > until_s:
                break
            next_s = time.monotonic() + EVERY_S
            await visitor.move(value)
            await asyncio.sleep(max(next_s - time.monotonic(), 0))
        visitor.stop_repeating()
    await reading


def own_memory_mib(pids: Iterable[int]) -> float:
    """Memory of processes, what they share counted once, MiB."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += int(re.findall(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)[0])
    return total / 1024


def say_waits(what: str, waits_s: list[float | None]) -> None:
    say(what, waits_s)
    seen = [wait for wait in waits_s if wait is not None]
    if seen:
        print(f"    99th percentile {np.percentile(seen, 99):.2f} s")


def memory(pid: int) -> str:
    return f"{server_memory_mib(pid):.0f} MiB and {own_memory_mib(beside(pid)):.0f} beside it"


async def measure(address: str, pid: int, seconds: float, count: int, searching: int) -> None:
    """Let the visitors work, and print what they and the server needed."""
    visitors: list[Visitor] = []
    began_s = time.monotonic()
    print(f"load average {os.getloadavg()[0]:.1f}, memory of the server {memory(pid)}", flush=True)
    visits = [asyncio.ensure_future(visit(address, i, searching, began_s + seconds, visitors)) for i in range(count)]
    await asyncio.sleep(min(FIRST_MINUTE_S, seconds))
    minute, cpu_s, minute_s = memory(pid), server_cpu_s(pid), time.monotonic()
    await asyncio.gather(*visits)
    used_s = server_cpu_s(pid) - cpu_s
    waits_s = [wait for visitor in visitors for wait in visitor.waits_s]
    later_s = [wait for wait in waits_s if wait[0] > minute_s]
    print(f"\n{count} visitors, {searching} of them searching, {time.monotonic() - began_s:.0f} s")
    say_waits("change to verdict", [wait for _, wait in waits_s])
    say_waits("after the first minute", [wait for _, wait in later_s])
    print(f"  processor seconds of the server a change {used_s / max(len(later_s), 1):.2f}")
    print(f"  memory after a minute {minute}, at the end {memory(pid)}")
    errors = [error for visitor in visitors for error in visitor.errors]
    print(f"  scripts that failed: {len(errors)} {errors[:1] or ''}")
    await asyncio.sleep(2 * GRACE_S)
    resting_s = sum(map(server_cpu_s, (pid, *beside(pid))))
    await asyncio.sleep(GRACE_S)
    share = (sum(map(server_cpu_s, (pid, *beside(pid)))) - resting_s) / GRACE_S
    print(f"  {2 * GRACE_S:.0f} s after the last tab: {share:.1%} of a core, memory {memory(pid)}")


def main() -> None:
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    seconds, count, searching = (numbers + [SECONDS, VISITORS, SEARCHING][len(numbers) :])[:3]
    with running_server() as (address, pid):
        # The first visit loads what all share.
        asyncio.run(visit(address, count, searching, time.monotonic() + 2 * EVERY_S, []))
        asyncio.run(measure(address, pid, seconds, count, min(searching, count)))


if __name__ == "__main__":
    main()
