"""Asks the processor for memory that a compiled loop will need in a moment."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

BYTE_POINTER = ir.IntType(8).as_pointer()
WORD = ir.IntType(32)

WRITE, KEEP_IN_ALL_CACHES, DATA = WORD(1), WORD(3), WORD(1)
"""Arguments of `llvm.prefetch`, in the LLVM language reference."""


@intrinsic
def prefetch(typing_context, array, index):  # type: ignore[no-untyped-def]
    """In compiled code: has the line of memory fetched that holds array[index], of (n,).

    Changes nothing but the time: a processor foresees by itself how a loop goes on along a row,
    but not where the next row of a window lies.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.bitcast(builder.gep(values.data, [arguments[1]]), BYTE_POINTER)
        kinds = [BYTE_POINTER, WORD, WORD, WORD]
        instruction = builder.module.declare_intrinsic(
            "llvm.prefetch", [BYTE_POINTER], ir.FunctionType(ir.VoidType(), kinds)
        )
        builder.call(instruction, [address, WRITE, KEEP_IN_ALL_CACHES, DATA])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
