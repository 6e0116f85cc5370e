"""ProgramArray: go on to another program, which user code exchanges while packets come in."""

from osmia import ProgramArray, XdpAction, XdpContext, xdp

stages = ProgramArray(XdpContext, max_entries=2)


@xdp
def first(ctx: XdpContext) -> XdpAction:
    stages.tail_call(ctx, 0)
    return XdpAction.PASS  # nothing is there


@xdp
def drop_all(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP


@xdp
def send_back(ctx: XdpContext) -> XdpAction:
    return XdpAction.TX


if __name__ == "__main__":
    print("no stage:", first.test_run(bytes(64)).action.name)
    for stage in (drop_all, send_back):
        stages[0] = stage
        print(f"{stage.name}:", first.test_run(bytes(64)).action.name)
    del stages[0]
    print("no stage:", first.test_run(bytes(64)).action.name)
