"""The loop over many packets as LLVM IR: it puts each into memory, runs the program, and keeps what it returns."""

from __future__ import annotations

from enum import IntEnum

from osmia.pcap.packet import NO_TIME
from osmia.vm.execution import MOST_MAY_GOTO
from osmia.vm.jit.module import HEAD, TAIL
from osmia.vm.jit.state import Word
from osmia.vm.memory import OUTSIDE


class Job(IntEnum):
    """The words that say what is to be done, by their place."""

    PROGRAM = 0
    """The native address of the program."""
    NEXT = 1
    """The packet that is to be run, or that has failed: counted from 0."""
    STOP = 2
    """The packet that is not to be run any more."""
    MEMORY = 3
    """Where the packets lie, and how much memory that is."""
    MEMORY_SIZE = 4
    OFFSETS = 5
    LENGTHS = 6
    VERDICTS = 7
    START = 8
    """Where in the arena a packet is put, and the longest that may be put there."""
    HELD = 9
    """How many bytes are visible there now."""
    STATE = 10
    """What may be done with a byte of a packet."""
    CONTEXT = 11
    """Where in the arena the context lies, in which programs only read."""
    DATA_END = 12
    """Where in the context the end of the packet stands, as 32 bits."""
    FUEL = 13
    DEPTH = 14
    KEPT = 15
    """Where to put packets as they are left, 0 for nowhere; and how much was put there."""
    KEPT_SIZE = 16
    COUNTS = 17
    """Where it is counted how often which result came: of those below COUNTED, and of all others together."""

    TIMES = 18
    """Where it stands when each packet came, 0 for nowhere; and what the clock shows more."""
    SHIFT = 19


COUNTED = 16
JOB = len(Job)


class Stopped(IntEnum):
    """Why the loop has ended."""

    DONE = 0
    FAILED = 1
    """By a fault in the program."""
    TOUCHED = 2
    """The packet is done, and Python was called, which has to tidy up behind it."""
    NO_PACKET = 3
    """The packet does not lie in its memory."""


def _words(enumeration: type[IntEnum], source: str) -> str:
    lines = []
    for each in enumeration:
        name = each.name.lower()
        lines.append(f"  %{source}.{name}.p = getelementptr i64, ptr %{source}, i64 {int(each)}")
    return "\n".join(lines)


def _load(source: str, word: IntEnum, to: str = "i64") -> str:
    name = word.name.lower()
    return f"  %{name} = load {to}, ptr %{source}.{name}.p, align 8, !tbaa !12"


def _store(source: str, word: IntEnum, value: object) -> str:
    return f"  store i64 {value}, ptr %{source}.{word.name.lower()}.p, align 8, !tbaa !12"


def loop() -> str:
    """The whole module: a function `loop` of the state and the job, that gives why it has ended."""
    numbers = (Job.STOP, Job.MEMORY_SIZE, Job.START, Job.STATE, Job.CONTEXT, Job.DATA_END, Job.SHIFT)
    pointers = (Job.PROGRAM, Job.MEMORY, Job.OFFSETS, Job.LENGTHS, Job.VERDICTS, Job.KEPT, Job.COUNTS, Job.TIMES)
    ways = {"head": Stopped.DONE, "look": Stopped.NO_PACKET, "enter": Stopped.FAILED, "ended": Stopped.TOUCHED}
    why = ", ".join(f"[{int(stopped)}, %{label}]" for label, stopped in ways.items())
    return f"""{HEAD}
define i64 @loop(ptr %s, ptr %job) #0 {{
entry:
{_words(Job, "job")}
{_words(Word, "s")}
{chr(10).join(_load("job", word) for word in (*numbers, Job.FUEL, Job.DEPTH))}
{chr(10).join(_load("job", word, "ptr") for word in pointers)}
  %first = load i64, ptr %job.next.p, align 8, !tbaa !12
  %held.first = load i64, ptr %job.held.p, align 8, !tbaa !12
  %kept.first = load i64, ptr %job.kept_size.p, align 8, !tbaa !12
  %arena = load ptr, ptr %s.arena.p, align 8, !tbaa !12
  %shadow = load ptr, ptr %s.shadow.p, align 8, !tbaa !12
  %packet = getelementptr i8, ptr %arena, i64 %start
  %packet.shadow = getelementptr i8, ptr %shadow, i64 %start
  %packet.state = trunc i64 %state to i8
  %ctx = getelementptr i8, ptr %arena, i64 %context
  %ctx.end = getelementptr i8, ptr %ctx, i64 %data_end
  %keep = icmp ne ptr %kept, null
  %timed = icmp ne ptr %times, null
  br label %head
head:
  %i = phi i64 [%first, %entry], [%i.next, %next]
  %held = phi i64 [%held.first, %entry], [%length, %next]
  %put = phi i64 [%kept.first, %entry], [%put.next, %next]
  %more = icmp ult i64 %i, %stop
  br i1 %more, label %look, label %leave, !prof !3
look:
  %offset.p = getelementptr i64, ptr %offsets, i64 %i
  %offset = load i64, ptr %offset.p, align 8
  %length.p = getelementptr i32, ptr %lengths, i64 %i
  %length.32 = load i32, ptr %length.p, align 4
  %length = zext i32 %length.32 to i64
  %behind = icmp ugt i64 %offset, %memory_size
  %left = sub i64 %memory_size, %offset
  %short = icmp ugt i64 %length, %left
  %bad = or i1 %behind, %short
  br i1 %bad, label %leave, label %copy, !prof !4
copy:
  %source = getelementptr i8, ptr %memory, i64 %offset
  call void @llvm.memcpy.p0.p0.i64(ptr %packet, ptr %source, i64 %length, i1 false)
  %same = icmp eq i64 %length, %held
  br i1 %same, label %run, label %bound
bound:
  %longer = icmp ugt i64 %length, %held
  br i1 %longer, label %grow, label %shrink
grow:
  %grown = sub i64 %length, %held
  %grown.p = getelementptr i8, ptr %packet.shadow, i64 %held
  call void @llvm.memset.p0.i64(ptr %grown.p, i8 %packet.state, i64 %grown, i1 false)
  br label %run
shrink:
  %shrunk = sub i64 %held, %length
  %shrunk.p = getelementptr i8, ptr %packet.shadow, i64 %length
  call void @llvm.memset.p0.i64(ptr %shrunk.p, i8 {OUTSIDE}, i64 %shrunk, i1 false)
  %rest.p = getelementptr i8, ptr %packet, i64 %length
  call void @llvm.memset.p0.i64(ptr %rest.p, i8 0, i64 %shrunk, i1 false)
  br label %run
run:
  %end = add i64 %start, %length
  %end.32 = trunc i64 %end to i32
  store i32 %end.32, ptr %ctx.end, align 1
{_store("job", Job.NEXT, "%i")}
{_store("job", Job.HELD, "%length")}
{_store("s", Word.FUEL, "%fuel")}
{_store("s", Word.MAY_GOTO, MOST_MAY_GOTO)}
{_store("s", Word.DEPTH, "%depth")}
{_store("s", Word.TOUCHED, 0)}
{_store("s", Word.WRITTEN, 2)}
  %given.p = getelementptr i64, ptr %s, i64 {Word.REGISTERS + 1}
  store i64 %context, ptr %given.p, align 8, !tbaa !12
  %others.p = getelementptr i64, ptr %s, i64 {Word.REGISTERS + 2}
  call void @llvm.memset.p0.i64(ptr align 8 %others.p, i8 0, i64 32, i1 false)
  br i1 %timed, label %tick, label %enter
tick:
  %time.p = getelementptr i64, ptr %times, i64 %i
  %time = load i64, ptr %time.p, align 8
  %now = load i64, ptr %s.clock.p, align 8, !tbaa !12
  %then = add i64 %time, %shift
  %known = icmp ne i64 %time, {NO_TIME}
  %later = icmp sgt i64 %then, %now
  %moves = and i1 %known, %later
  %shown = select i1 %moves, i64 %then, i64 %now
{_store("s", Word.CLOCK, "%shown")}
  br label %enter
enter:
  %result = call i64 %program(ptr %s)
  %status = load i64, ptr %s.status.p, align 8, !tbaa !12
  %well = icmp eq i64 %status, 0
  br i1 %well, label %ended, label %leave, !prof !3
ended:
  %verdict = trunc i64 %result to i32
  %verdict.p = getelementptr i32, ptr %verdicts, i64 %i
  store i32 %verdict, ptr %verdict.p, align 4
  %usual = icmp ult i32 %verdict, {COUNTED}
  %which = select i1 %usual, i32 %verdict, i32 {COUNTED}
  %which.64 = zext i32 %which to i64
  %count.p = getelementptr i64, ptr %counts, i64 %which.64
  %count = load i64, ptr %count.p, align 8
  %counted = add i64 %count, 1
  store i64 %counted, ptr %count.p, align 8
  %touched = load i64, ptr %s.touched.p, align 8, !tbaa !12
  %quiet = icmp eq i64 %touched, 0
  br i1 %quiet, label %maybe, label %leave, !prof !3
maybe:
  br i1 %keep, label %save, label %next
save:
  %save.p = getelementptr i8, ptr %kept, i64 %put
  call void @llvm.memcpy.p0.p0.i64(ptr %save.p, ptr %packet, i64 %length, i1 false)
  %saved = add i64 %put, %length
  br label %next
next:
  %put.next = phi i64 [%put, %maybe], [%saved, %save]
  %i.next = add i64 %i, 1
  br label %head
leave:
  %why = phi i64 {why}
{_store("job", Job.NEXT, "%i")}
{_store("job", Job.KEPT_SIZE, "%put")}
  ret i64 %why
}}

define i64 @longest(ptr %lengths, i64 %count) #0 {{
entry:
  br label %head
head:
  %i = phi i64 [0, %entry], [%next, %body]
  %most = phi i32 [0, %entry], [%larger, %body]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %body, label %leave
body:
  %length.p = getelementptr i32, ptr %lengths, i64 %i
  %length = load i32, ptr %length.p, align 4
  %is = icmp ugt i32 %length, %most
  %larger = select i1 %is, i32 %length, i32 %most
  %next = add i64 %i, 1
  br label %head
leave:
  %result = zext i32 %most to i64
  ret i64 %result
}}
{TAIL}"""
