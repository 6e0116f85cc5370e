"""What an error number of the kernel means, for what was asked."""

from __future__ import annotations

import errno
import os

from osmia.errors import ENOTSUPP, KernelError, NotSupportedError, PermissionDeniedError, errno_name

_FIRST_BPF = (3, 18)
# The kernel's own numbers, in its own words: the C library knows neither.
_WORDS = {ENOTSUPP: "Operation is not supported"}


def kernel_error(
    number: int,
    asked: str,
    *,
    needed: tuple[str, ...] = (),
    later: tuple[str, ...] = (),
    feature: str = "",
    since: tuple[int, int] | None = None,
    hints: dict[int, str] | None = None,
    charged: bool = False,
) -> KernelError:
    """The error for `asked` ("create map 'flows'"), which the kernel answered with `number`.

    `needed` are the capabilities that it takes, `later` those that what comes next takes, `feature` what the kernel
    may lack (with `since`, or from the table), `hints` say what other numbers mean here, and `charged` says that old
    kernels charge it to RLIMIT_MEMLOCK.
    """
    from osmia.kernel.features import FEATURES, kernel_version

    if number == errno.ENOSYS:
        return _no_bpf(asked)
    if number == errno.EPERM and needed:
        return permission_denied(asked, needed, later, charged=charged)
    first = since or FEATURES.get(feature)
    if number in (errno.EINVAL, errno.E2BIG, errno.EOPNOTSUPP) and first and kernel_version() < first:
        return not_supported(number, asked, feature, first)
    hint = (hints or {}).get(number, "")
    return KernelError(number, f"cannot {asked}: {hint or plain(number)}")


def plain(number: int) -> str:
    """An error number in words: `Invalid argument (EINVAL)`."""
    return f"{_WORDS.get(number) or os.strerror(number)} ({errno_name(number)})"


def not_supported(number: int, asked: str, feature: str, since: tuple[int, int]) -> NotSupportedError:
    """The running kernel is older than `feature`."""
    return _with_feature(
        NotSupportedError(
            number,
            f"cannot {asked}: this kernel ({os.uname().release}) has no {feature}, which Linux {since[0]}.{since[1]} "
            "brought",
        ),
        feature,
        since,
    )


def _no_bpf(asked: str) -> NotSupportedError:
    return _with_feature(
        NotSupportedError(
            errno.ENOSYS,
            f"cannot {asked}: there is no bpf(2) here: the kernel ({os.uname().release}) was built without "
            "CONFIG_BPF_SYSCALL, or a seccomp filter hides it",
        ),
        "bpf(2)",
        _FIRST_BPF,
    )


def _with_feature(error: NotSupportedError, feature: str, since: tuple[int, int]) -> NotSupportedError:
    error.feature, error.since = feature, since
    return error


def permission_denied(
    asked: str, needed: tuple[str, ...], later: tuple[str, ...] = (), *, charged: bool = False
) -> PermissionDeniedError:
    """The kernel does not let this process do it: name what is missing, never what is there."""
    from osmia.kernel.capabilities import missing_capabilities

    missing = missing_capabilities(needed)
    if missing:
        missing = missing_capabilities(tuple(dict.fromkeys((*needed, *later))))
    error = PermissionDeniedError(errno.EPERM, f"cannot {asked}: {_why_denied(needed, missing, charged=charged)}")
    error.capabilities = missing or ()
    return error


def _why_denied(needed: tuple[str, ...], missing: tuple[str, ...] | None, *, charged: bool) -> str:
    from osmia.kernel.capabilities import in_user_namespace
    from osmia.kernel.memlock import limited

    wanted = " and ".join(needed)
    if missing is None:
        return f"it takes {wanted} (/proc does not say what this process has)"
    if missing:
        lacks, them = " and ".join(missing), "that" if len(missing) == 1 else "those"
        if os.geteuid() == 0:
            return f"this process is root but lacks {lacks}: what started it, such as a container, took {them} away"
        return f"this process lacks {lacks}. Run it as root, or give it {them}"
    if in_user_namespace():
        return (
            f"this process has {wanted} in its user namespace only, and BPF asks for capabilities in the initial one. "
            "Run it as root there, outside of any container"
        )
    if charged and limited():
        return (
            "RLIMIT_MEMLOCK is too low, and this process may not raise it (CAP_SYS_RESOURCE). Raise it with "
            "`ulimit -l unlimited`: kernels before 5.11 charge maps and programs to it"
        )
    return (
        f"the kernel refuses although this process has {wanted}: kernel lockdown, a security module or a seccomp "
        "filter forbids it"
    )
