"""What reaches `logging`, when, from which thread, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from logs.reading import messages
from memory_programs import count_on_each_cpu
from osmia import log
from osmia.logs import delivery
from program_files import module_from
from refusal import refusal
from this_kernel import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

SOURCE = str(Path(osmia.__file__).resolve().parents[1])
PROGRAM = """
from osmia import XdpAction, XdpContext, log, xdp
from osmia.headers import Ethernet

@xdp
def watch(ctx: XdpContext) -> XdpAction:
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None:
        return XdpAction.DROP
    log.warn(f"from {eth.src:mac}, {len(ctx.packet)} bytes")
    return XdpAction.PASS
"""
PACKET = bytes(6) + bytes(range(6)) + b"\x08\x00" + bytes(50)
TEXT = "from 00:01:02:03:04:05, 64 bytes"
ACTIVE = "osmia logs"


class Kept(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.records.append(record)

    @property
    def messages(self) -> list[str]:
        """The texts."""
        return [record.getMessage() for record in self.records]


@pytest.fixture
def kept() -> Iterator[Kept]:
    """What loggers of osmia's are given, of all levels."""
    handler, logger = Kept(), logging.getLogger("osmia")
    logger.addHandler(handler)
    logger.setLevel(1)
    logger.propagate = False
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Any]:
    """A program that logs the packets it is given."""
    program = module_from(tmp_path, PROGRAM).watch
    yield program
    program.close()


def wait_for(kept: Kept, count: int) -> None:
    """Wait until so many records came."""
    until = time.monotonic() + 5
    while len(kept.records) < count and time.monotonic() < until:
        time.sleep(0.001)
    assert len(kept.records) == count


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == ACTIVE]


def test_a_record_says_where_when_and_by_what(kept: Kept, watch: Any) -> None:
    watch.load()
    before = time.time()
    watch.test_run(PACKET)
    after = time.time()
    wait_for(kept, 1)
    record: Any = kept.records[0]
    file = watch.function.__code__.co_filename
    assert (record.name, record.levelno, record.levelname) == ("osmia.watch", logging.WARNING, "WARNING")
    assert (record.getMessage(), record.args) == (TEXT, ())
    assert (record.pathname, record.filename, record.module) == (file, "program.py", "program")
    assert (record.lineno, record.funcName) == (10, "watch")
    assert before - 0.01 < record.created < after + 0.01
    assert 0 <= record.msecs < 1000
    assert record.relativeCreated > 0
    assert (record.process, record.thread) == (None, None)  # a packet belongs to no process
    assert (record.processName, record.threadName) == ("watch", "watch")
    assert record.program == "watch"
    assert record.cpu in os.sched_getaffinity(0)
    assert abs(time.monotonic_ns() - record.ktime_ns) < 5e9
    line = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(funcName)s:%(lineno)d %(message)s").format(record)
    assert line.endswith(f"WARNING osmia.watch watch:10 {TEXT}")


def test_programs_of_processes_say_which_one(tmp_path: Path, kept: Kept) -> None:
    text = """
    from osmia import RawTracepointContext, log, raw_tracepoint
    from osmia.helpers import get_current_pid_tgid
    ME = {me}

    @raw_tracepoint("sys_enter")
    def entered(ctx: RawTracepointContext) -> None:
        if get_current_pid_tgid() >> 32 == ME and ctx.arg(1) == {call}:
            log.info("asked for its session")
    """
    program = module_from(tmp_path, textwrap.dedent(text).format(me=os.getpid(), call=124)).entered
    with program.attach():
        os.getsid(0)
    program.close()
    assert kept.messages == ["asked for its session"]
    assert kept.records[0].process == os.getpid()
    assert kept.records[0].thread == threading.get_native_id()


def test_what_was_logged_is_there_when_a_program_is_closed(kept: Kept, watch: Any) -> None:
    for _ in range(500):
        watch.test_run(PACKET)
    watch.close()
    assert kept.messages == [TEXT] * 500
    assert threads() == []


def test_flush_waits_for_what_was_logged(kept: Kept, watch: Any) -> None:
    watch.test_run(PACKET)
    log.flush()
    assert kept.messages == [TEXT]


def test_a_link_delivers_when_the_programs_handle_is_closed(kept: Kept, watch: Any, netns: Namespace) -> None:
    with netns.entered():
        link = watch.attach(netns.far)
    watch.close()
    assert threads() == [ACTIVE]
    netns.send(3, 100)
    link.detach()
    assert kept.messages == ["from 02:02:02:02:02:02, 100 bytes"] * 3
    assert threads() == []


def test_two_objects_share_the_ring(tmp_path: Path, kept: Kept) -> None:
    one, other = (module_from(tmp_path, PROGRAM.replace("watch", name)) for name in ("one", "other"))
    with osmia.load(one) as first:
        with osmia.load(other) as second:
            for _ in range(3):
                first["one"].test_run(PACKET)
                second["other"].test_run(PACKET)
        first["one"].test_run(PACKET)
        assert threads() == [ACTIVE]
    assert [record.name for record in kept.records] == ["osmia.one", "osmia.other"] * 3 + ["osmia.one"]
    assert threads() == []


def test_a_program_is_loaded_again(kept: Kept, watch: Any) -> None:
    for _ in range(3):
        watch.test_run(PACKET)
        watch.close()
    assert kept.messages == [TEXT] * 3


def test_what_cannot_be_loaded_leaves_nothing(watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "no")

    monkeypatch.setattr("osmia.loader.load.load_program", refuse)
    with pytest.raises(OSError, match="no"):
        watch.load()
    with pytest.raises(OSError, match="no"):
        osmia.load(watch)
    assert threads() == []
    assert delivery.DELIVERY.sources.all == {}


class Failing(logging.Handler):
    """Does what handlers should not."""

    def emit(self, record: logging.LogRecord) -> None:
        """Fail."""
        raise ValueError("no room")


def test_a_handler_that_raises_does_not_end_it(kept: Kept, watch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    failing, logger = Failing(), logging.getLogger("osmia.watch")
    logger.addHandler(failing)
    try:
        watch.test_run(PACKET)
        log.flush()
        assert "ValueError: no room" in capsys.readouterr().err
    finally:
        logger.removeHandler(failing)
    watch.test_run(PACKET)
    watch.close()
    assert kept.messages == [TEXT]


class Closing(logging.Handler):
    """Closes the program that logs."""

    def __init__(self, program: Any) -> None:
        super().__init__()
        self.program = program

    def emit(self, record: logging.LogRecord) -> None:
        """Close it."""
        self.program.close()


def test_a_handler_closes_the_program(kept: Kept, watch: Any) -> None:
    closing, logger = Closing(watch), logging.getLogger("osmia.watch")
    logger.addHandler(closing)
    try:
        watch.load()
        with delivery.DELIVERY.lock:  # all are there before the first is delivered
            watch.test_run(PACKET, repeat=100)
        until = time.monotonic() + 5
        while threads() and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        logger.removeHandler(closing)
    assert kept.messages == [TEXT] * 100
    assert not watch.loaded
    assert threads() == []


def test_losses_are_counted_and_said(kept: Kept, watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_size", 4096)
    before = log.lost
    with delivery.DELIVERY.lock:  # as a handler that takes long
        for _ in range(10):
            watch.test_run(PACKET, repeat=100)
        lost = log.lost - before
        assert lost > 800
    watch.close()
    said = [record for record in kept.records if record.name == "osmia"]
    assert len(said) == 1
    assert said[0].getMessage() == f"{lost} log records were lost: the ring of 4096 bytes was full (log.size)"
    assert said[0].levelno == logging.WARNING
    assert len(kept.records) - 1 == 1000 - lost
    assert log.lost - before == lost


def test_a_flood_takes_no_more_memory_than_the_ring(kept: Kept, watch: Any) -> None:
    before = log.lost
    watch.load()
    for _ in range(20):
        watch.test_run(PACKET, repeat=2_000)
    watch.close()
    texts = [record for record in kept.records if record.name == "osmia.watch"]
    assert len(texts) + log.lost - before == 40_000
    warnings = [record.created for record in kept.records if record.name == "osmia"]
    assert all(later - earlier >= 0.9 for earlier, later in pairwise(warnings[:-1]))


def test_the_size_is_set_before(watch: Any) -> None:
    watch.load()
    assert refusal(RuntimeError, lambda: setattr(log, "size", 8192)) == (
        "log.size: the ring is there already: set it before a program that logs is loaded"
    )
    text = "log.size is a power of 2, in bytes, from 4096 to 1073741824, not 5000"
    assert refusal(ValueError, lambda: setattr(log, "size", 5000)) == text
    assert refusal(TypeError, lambda: setattr(log, "size", "1 MB")) == "log.size is an int, not str '1 MB'"
    assert refusal(AttributeError, lambda: setattr(log, "info", print)) == (
        "log.info cannot be set: set log.level or log.size"
    )


def test_user_code_logs_by_logging() -> None:
    for name, instead in (("info", "info(...)"), ("warn", "warning(...)"), ("trace", "log(5, ...)")):
        assert refusal(TypeError, lambda name=name: getattr(log, name)("x")) == (
            f"log.{name}() is for kernel code: in user code write logging.getLogger(__name__).{instead}"
        )


# Reading in place of logging


def test_records_are_read_one_by_one(kept: Kept, watch: Any) -> None:
    with log.records() as reader:
        assert refusal(osmia.NotLoadedError, lambda: reader.read(0)) == (
            "nothing that logs is loaded: attach a program that logs before its records are read"
        )
        watch.load()
        assert reader.read(0) is None
        begin = time.monotonic()
        assert reader.read(0.05) is None
        assert 0.04 < time.monotonic() - begin < 10
        watch.test_run(PACKET, repeat=3)
        assert messages(reader) == [TEXT] * 3
        assert (
            refusal(RuntimeError, log.records) == "log.records() is read already: there is one reader of logs at a time"
        )
        assert threads() == []
    assert kept.records == []
    watch.test_run(PACKET)
    watch.close()
    assert kept.messages == [TEXT]


def test_iteration_ends_with_the_last_program(watch: Any) -> None:
    with log.records() as reader:
        watch.test_run(PACKET, repeat=5)
        watch.close()
        assert [record.getMessage() for record in reader] == [TEXT] * 5
        assert reader.read() is None


def test_another_thread_closes_the_program(watch: Any) -> None:
    with log.records() as reader:
        watch.test_run(PACKET, repeat=2)
        timer = threading.Timer(0.2, watch.close)
        timer.start()
        assert [record.getMessage() for record in reader] == [TEXT] * 2
        timer.join()


def test_a_reader_that_is_dropped_gives_way(kept: Kept, watch: Any) -> None:
    for _ in range(2):
        reader = log.records()
        watch.test_run(PACKET, repeat=2)
        for record in reader:
            assert record.getMessage() == TEXT
            break
        del reader
    watch.close()
    assert kept.messages == [TEXT] * 2


def test_asyncio(watch: Any) -> None:
    async def read() -> list[str]:
        found = []
        async for record in log.records():
            found.append(record.getMessage())
            if len(found) == 100:
                watch.close()
        return found

    async def run() -> list[str]:
        reading = asyncio.create_task(read())
        for _ in range(10):
            await asyncio.sleep(0.01)
            watch.test_run(PACKET, repeat=10)
        return await asyncio.wait_for(reading, 5)

    watch.load()
    assert asyncio.run(run()) == [TEXT] * 100


def test_a_reader_is_told_of_losses(watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_size", 4096)
    before = log.lost
    with log.records() as reader:
        watch.test_run(PACKET, repeat=1000)
        found = messages(reader)
        lost = log.lost - before
        assert found.count(TEXT) == 1000 - lost
        assert [each for each in found if each != TEXT] == [
            f"{lost} log records were lost: the ring of 4096 bytes was full (log.size)"
        ]
        watch.close()


# Processes


def output(program: str, *, status: int = 0) -> tuple[str, str]:
    """What a program in a process of its own writes."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": SOURCE},
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def script(tmp_path: Path, text: str) -> str:
    """A program that has `watch`."""
    (tmp_path / "watching.py").write_text(PROGRAM)
    head = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom watching import watch\nPACKET = {PACKET!r}\n"
    return head + textwrap.dedent(text)


@needs_root("loads programs")
def test_without_handlers_records_are_shown(tmp_path: Path) -> None:
    stdout, stderr = output(script(tmp_path, "watch.test_run(PACKET); watch.close(); print('end')"))
    assert stdout == "end\n"
    first, _, rest = stderr.partition(" ")
    assert len(first) == len("12:00:00.000000")
    assert rest == f"WARNING watch:10  {TEXT}\n"


@needs_root("loads programs")
def test_without_handlers_info_is_shown_and_levels_that_are_set_hold(tmp_path: Path) -> None:
    text = """
    import logging
    watch.test_run(PACKET)
    watch.close()
    logging.getLogger("osmia").setLevel(logging.ERROR)
    watch.test_run(PACKET)
    """
    text = script(tmp_path, text)
    (tmp_path / "watching.py").write_text(PROGRAM.replace("log.warn", "log.info"))
    assert output(text)[1].count(TEXT) == 1


@needs_root("loads programs")
def test_handlers_take_what_their_levels_say(tmp_path: Path) -> None:
    text = """
    import logging
    logging.basicConfig(format="%(levelname)s %(message)s", level=sys.argv[1:] or logging.WARNING)
    watch.test_run(PACKET)
    """
    assert output(script(tmp_path, text))[1] == f"WARNING {TEXT}\n"
    text = script(tmp_path, text)
    (tmp_path / "watching.py").write_text(PROGRAM.replace("log.warn", "log.debug"))
    assert output(text)[1] == ""


@needs_root("loads programs")
def test_the_end_of_a_process_delivers_what_is_left(tmp_path: Path) -> None:
    text = f"""
    import logging
    from logging.handlers import MemoryHandler
    logging.getLogger().addHandler(MemoryHandler(10_000, target=logging.FileHandler({str(tmp_path / "log")!r})))
    for _ in range(200):
        watch.test_run(PACKET)
    sys.exit(3)
    """
    assert output(script(tmp_path, text), status=3) == ("", "")
    assert (tmp_path / "log").read_text() == f"{TEXT}\n" * 200


@needs_root("loads programs")
def test_an_exception_ends_the_process(tmp_path: Path) -> None:
    stderr = output(script(tmp_path, "watch.test_run(PACKET)\n1 // 0"), status=1)[1]
    assert stderr.count(TEXT) == 1
    assert "ZeroDivisionError" in stderr


@needs_root("loads programs")
def test_a_closed_stderr_is_no_trouble(tmp_path: Path) -> None:
    text = "sys.stderr = None\nwatch.test_run(PACKET)\nwatch.close()\nprint('end')"
    assert output(script(tmp_path, text)) == ("end\n", "")


@needs_root("loads programs")
def test_a_forked_child_leaves_it_to_its_parent(tmp_path: Path) -> None:
    text = """
    import os
    from osmia import log
    watch.test_run(PACKET)
    log.flush()
    child = os.fork()
    if child == 0:
        watch.close()
        print("child", log.lost, flush=True)
        watch.test_run(PACKET)  # loaded by the child, which has a ring of its own
        sys.exit()
    os.waitpid(child, 0)
    watch.test_run(PACKET)
    watch.close()
    print("parent", log.lost)
    """
    stdout, stderr = output(script(tmp_path, text))
    assert stdout == "child 0\nparent 0\n"
    assert stderr.count(TEXT) == 3


@needs_root("loads programs")
def test_a_child_that_only_runs_the_program_does_not_deliver(tmp_path: Path) -> None:
    text = """
    import os
    watch.load()
    child = os.fork()
    if child == 0:
        watch.test_run(PACKET)
        os._exit(0)
    os.waitpid(child, 0)
    watch.close()
    """
    assert output(script(tmp_path, text))[1].count(TEXT) == 1


def test_two_processors_log_at_once(kept: Kept, tmp_path: Path) -> None:
    """What is delivered and what is lost is all there was, and each CPU's records are in its order."""
    text = """
    from osmia import PerCpuArray, XdpAction, XdpContext, log, u64, xdp
    numbers = PerCpuArray(u64, max_entries=1)

    @xdp
    def count(ctx: XdpContext) -> XdpAction:
        number = numbers.lookup(0)
        if number is None:
            return XdpAction.DROP
        number.value += 1
        log.info(f"{number.value}")
        return XdpAction.PASS
    """
    program = module_from(tmp_path, textwrap.dedent(text)).count
    before = log.lost
    program.load()
    count_on_each_cpu(program, 20_000)
    program.close()
    records = [record for record in kept.records if record.name == "osmia.count"]
    assert len(records) + log.lost - before == 40_000
    for cpu in {vars(record)["cpu"] for record in records}:
        of_cpu = [record for record in records if vars(record)["cpu"] == cpu]
        numbers = [int(record.getMessage()) for record in of_cpu]
        assert numbers == sorted(set(numbers))
        # The ring's order is that of reservations; the clock is read behind them.
        times = [vars(record)["ktime_ns"] for record in of_cpu]
        assert times == sorted(times)


def test_what_handlers_have_no_time_for_is_counted(kept: Kept, watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LONGEST_FLUSH", 0.1)
    emit = kept.emit

    def slowly(record: logging.LogRecord) -> None:
        time.sleep(0.01)
        emit(record)

    monkeypatch.setattr(kept, "emit", slowly)
    before = log.lost
    watch.load()
    watch.test_run(PACKET, repeat=1000)
    watch.close()
    *records, last = kept.records
    lost = log.lost - before
    assert lost > 900
    assert len(records) == 1000 - lost
    # Those that the thread had in hand as the program was closed are counted besides.
    said = re.fullmatch(r"(\d+) log records were lost: they were not delivered within 0 seconds", last.getMessage())
    assert said is not None
    assert lost - 64 <= int(said[1]) <= lost


def test_threads_load_and_close_at_once(kept: Kept, tmp_path: Path) -> None:
    module = module_from(tmp_path, PROGRAM)
    osmia.load(module).close()  # compiled once
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(8):
                with osmia.load(module) as loaded:
                    loaded["watch"].test_run(PACKET, repeat=5)
        except BaseException as error:  # noqa: BLE001 - the thread would only show it
            failed.append(error)

    working = [threading.Thread(target=work) for _ in range(4)]
    for each in working:
        each.start()
    for each in working:
        each.join(30)
    assert failed == []
    assert not any(each.is_alive() for each in working)
    assert kept.messages == [TEXT] * 4 * 8 * 5
    assert threads() == []
