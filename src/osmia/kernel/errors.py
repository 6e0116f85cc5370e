"""What an error number of the kernel means, for what was asked."""

from __future__ import annotations

import errno
import os

from osmia.errors import KernelError, NotSupportedError, PermissionDeniedError, errno_name
from osmia.kernel import capabilities, memlock
from osmia.kernel.features import FEATURES, kernel_version


def kernel_error(
    number: int,
    asked: str,
    *,
    needed: tuple[str, ...] = (),
    feature: str = "",
    since: tuple[int, int] | None = None,
    hints: dict[int, str] | None = None,
) -> KernelError:
    """The error for `asked` ("create map 'flows'"), which the kernel answered with `number`.

    `needed` are the capabilities that it takes, `feature` what it may lack (with `since`, or from the table),
    `hints` say what other numbers mean here.
    """
    if number == errno.ENOSYS:
        return not_supported(number, asked, "bpf(2)", "a seccomp filter may hide it too")
    if number == errno.EPERM and needed:
        return permission_denied(number, asked, needed)
    first = since or FEATURES.get(feature)
    if number in (errno.EINVAL, errno.E2BIG, errno.EOPNOTSUPP) and first and kernel_version() < first:
        return not_supported(number, asked, feature, since=first)
    hint = (hints or {}).get(number, "")
    return KernelError(number, f"cannot {asked}: {hint or plain(number)}")


def plain(number: int) -> str:
    """An error number in words: `Invalid argument (EINVAL)`."""
    return f"{os.strerror(number)} ({errno_name(number)})"


def not_supported(
    number: int, asked: str, feature: str, note: str = "", since: tuple[int, int] | None = None
) -> NotSupportedError:
    """The running kernel lacks `feature`."""
    first = since or FEATURES[feature]
    release = os.uname().release
    text = f"cannot {asked}: this kernel ({release}) has no {feature}, which Linux {first[0]}.{first[1]} brought"
    error = NotSupportedError(number, f"{text}; {note}" if note else text)
    error.feature, error.since = feature, first
    return error


def permission_denied(number: int, asked: str, needed: tuple[str, ...]) -> PermissionDeniedError:
    """The kernel does not let this process do it: name what is missing, never what is there."""
    missing = capabilities.missing_capabilities(needed)
    if missing is None:
        why = f"it takes {' and '.join(needed)} (/proc does not say which of them this process has)"
    elif missing:
        them = "that" if len(missing) == 1 else "those"
        why = f"this process lacks {' and '.join(missing)}. Run it as root, or give it {them}"
    elif capabilities.in_user_namespace():
        why = (
            f"this process has {' and '.join(needed)} in a user namespace only, and BPF asks for them in the initial "
            "one. Run it outside the container or namespace, or with a BPF token"
        )
    elif memlock.charged():
        why = (
            "RLIMIT_MEMLOCK is too low and this process lacks CAP_SYS_RESOURCE to raise it "
            "(kernels before 5.11 charge maps and programs to it). Raise it with `ulimit -l unlimited`"
        )
    else:
        why = (
            f"the kernel refuses although this process has {' and '.join(needed)}: kernel lockdown, a security module "
            "or a seccomp filter forbids it"
        )
    error = PermissionDeniedError(number, f"cannot {asked}: {why}")
    error.capabilities = missing or ()
    return error
