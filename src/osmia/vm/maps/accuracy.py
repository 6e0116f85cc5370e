"""How near the runtime's maps come to the kernel's: one row for each type of map."""

from __future__ import annotations

from osmia.record import record

EXACT, APPROXIMATE, RECORDED, REFUSED = "exact", "approximate", "recorded", "refused"


@record
class Accuracy:
    """What a row says."""

    level: str
    """`exact`; `approximate`; `recorded`: what user code sets is held, and nothing is sent there; `refused`."""
    text: str = ""
    """How it differs from the kernel's, or why there are none."""


_OF_OBJECTS = "over objects of the machine's own, which user code names as it names the kernel's"
_DEVICES = "packets go nowhere: a redirect is taken down with the key that it found"
_SOCKETS = "holds sockets and their cookies; nothing is sent, and whether a socket fits is not checked"

ACCURACY: dict[str, Accuracy] = {
    "HashMap": Accuracy(EXACT),
    "Array": Accuracy(EXACT),
    "ProgramArray": Accuracy(EXACT),
    "PerfEventArray": Accuracy(
        EXACT, "osmia's own buffers, one for each CPU of the machine; perf events of user code's own are refused"
    ),
    "PerCpuHashMap": Accuracy(EXACT),
    "PerCpuArray": Accuracy(EXACT),
    "StackTraceMap": Accuracy(
        APPROXIMATE, "stacks are those that the machine is given, and their numbers come from another hash"
    ),
    "CgroupArray": Accuracy(EXACT, _OF_OBJECTS),
    "LruHashMap": Accuracy(
        APPROXIMATE, "the key goes that was used least recently, one at a time; the kernel takes several, nearly so"
    ),
    "LruPerCpuHashMap": Accuracy(
        APPROXIMATE, "the key goes that was used least recently, one at a time; the kernel takes several, nearly so"
    ),
    "LpmTrie": Accuracy(EXACT),
    "ArrayOfMaps": Accuracy(EXACT),
    "HashOfMaps": Accuracy(EXACT),
    "DevMap": Accuracy(RECORDED, _DEVICES),
    "SockMap": Accuracy(RECORDED, _SOCKETS),
    "CpuMap": Accuracy(RECORDED, _DEVICES),
    "XskMap": Accuracy(RECORDED, _DEVICES),
    "SockHash": Accuracy(RECORDED, _SOCKETS),
    "CgroupStorage": Accuracy(APPROXIMATE, "a value is made when a program first asks for it, as none is attached"),
    "ReusePortSockArray": Accuracy(RECORDED, _SOCKETS),
    "PerCpuCgroupStorage": Accuracy(
        APPROXIMATE, "a value is made when a program first asks for it, as none is attached"
    ),
    "Queue": Accuracy(EXACT),
    "Stack": Accuracy(EXACT),
    "SkStorage": Accuracy(EXACT, _OF_OBJECTS),
    "DevMapHash": Accuracy(RECORDED, _DEVICES),
    "StructOps": Accuracy(REFUSED, "the functions of its table would be called by the kernel"),
    "RingBuf": Accuracy(EXACT),
    "InodeStorage": Accuracy(EXACT, _OF_OBJECTS),
    "TaskStorage": Accuracy(EXACT, _OF_OBJECTS),
    "BloomFilter": Accuracy(
        APPROXIMATE, "as many answers are wrong as in the kernel, for other values: its hash differs"
    ),
    "UserRingBuf": Accuracy(EXACT),
    "CgrpStorage": Accuracy(EXACT, _OF_OBJECTS),
    "Arena": Accuracy(EXACT, "an access outside of its pages ends the run, where the kernel reads zeros"),
    "InsnArray": Accuracy(REFUSED, "it holds addresses of the instructions that the kernel makes"),
}
"""By the name of the class."""
