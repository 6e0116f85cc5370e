"""Queue: user code hands jobs to a program, which takes them in their order and hands results back."""

from osmia import Queue, XdpAction, XdpContext, struct, u16, u32, xdp


@struct
class Job:
    """Something to be done."""

    number: u16
    size: u32 = 0


jobs = Queue(Job, max_entries=16)
done = Queue(u32, max_entries=16)


@xdp
def work(ctx: XdpContext) -> XdpAction:
    job = jobs.pop()  # an object of the program's own
    if job is None:
        return XdpAction.DROP
    done.push(job.size * len(ctx.packet))
    return XdpAction.PASS


if __name__ == "__main__":
    work.load()
    for number in range(3):
        jobs.push(Job(number=number, size=number + 1))
    print([work.test_run(bytes(100)).action.name for _ in range(4)])
    print(done.pop(), done.pop(), done.peek(), done.pop(), done.pop())
