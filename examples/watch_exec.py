"""Watch processes start: who runs what, as an event each."""

from contextlib import suppress

from osmia import Chars, RingBuf, TracepointContext, chars, i32, struct, tracepoint, u32, u64


@struct
class Exec:
    """A process that runs another program from now on."""

    pid: i32
    uid: u32 = 0
    when: u64 = 0
    path: Chars = chars(128)  # as much of it as has room


@struct
class SchedProcessExec(TracepointContext):
    """What the kernel says of it."""

    pid: i32
    filename: Chars = chars(128)


events = RingBuf(Exec, size=1 << 16)


@tracepoint("sched", "sched_process_exec")
def on_exec(ctx: SchedProcessExec) -> None:
    """Report it."""
    with events.reserve() as event:
        if event is not None:
            event.pid = ctx.pid
            event.uid = ctx.get_current_uid_gid() & 0xFFFF_FFFF
            event.when = ctx.ktime_get_ns()
            event.path = ctx.filename


def main() -> None:
    """Print each, until Ctrl-C."""
    with suppress(KeyboardInterrupt), on_exec.attach():
        print("watching", flush=True)
        for event in events:
            print(f"{event.when / 1e9:.6f} {event.uid:6} {event.pid:8} {event.path}", flush=True)
    if events.live and events.lost:
        print(events.lost, "had no room")


if __name__ == "__main__":
    main()
