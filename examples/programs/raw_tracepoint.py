"""@raw_tracepoint: count the signals that this process sends, by their number."""

import os
import signal

from osmia import HashMap, RawTracepointContext, raw_tracepoint, setting, u32, u64

sent = HashMap(u32, u64, max_entries=64)
watched = setting(u32, 0)


@raw_tracepoint("signal_generate")  # its arguments: sig, info, task, group, result
def count(ctx: RawTracepointContext) -> None:
    if ctx.get_current_pid_tgid() >> 32 != watched:
        return
    times = sent.lookup_or_init(u32(ctx.arg(0)), 0)
    if times is not None:
        times.value += 1


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    count.load(settings={"watched": os.getpid()})
    with count.attach():
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGWINCH):
            os.kill(os.getpid(), number)
    for sig, times in sorted(sent.items()):
        print(signal.Signals(sig).name, times)
