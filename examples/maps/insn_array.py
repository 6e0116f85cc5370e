"""InsnArray: where instructions of a program lie; kernels before 6.19 have none."""

from osmia import InsnArray, InsnArrayValue, NotSupportedError

places = InsnArray(max_entries=2)

if __name__ == "__main__":
    try:
        places.create()
    except NotSupportedError as error:
        print("not here:", str(error).partition(", which")[2])
    else:
        places[0] = InsnArrayValue(orig_off=5)
        print("set:", places[0].orig_off)
