"""Parse texts with tree-sitter: a program of its own, as a grammar's C code may crash on hostile text.

In (standard input): for each text a line of JSON `{"grammar", "size_bytes", "ops_max"}` and so many
bytes. Out (standard output): for each a line of JSON with the numbers of its tree, or how it ended.
Always holds: it is started by path with `-I` and imports nothing of Stackyard; each text is parsed in a
fork, so what one text breaks no other one meets; the kernel ends a fork beyond its CPU seconds or memory.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

from tree_sitter import Language, Node, Parser, TreeCursor
from tree_sitter_language_pack import get_language

_OPS_EACH = (
    100  # parser operations between two calls of the progress callback (tree-sitter, parser.c)
)
_ERROR_KIND = 65535  # symbol of an ERROR node (`ts_builtin_sym_error`)


def serve(source: BinaryIO, sink: BinaryIO, seconds_max: int) -> None:
    """Answers until the input ends."""
    while line := source.readline():
        asked = json.loads(line)
        text = source.read(asked["size_bytes"])
        language = get_language(asked["grammar"])
        sink.write(json.dumps(_apart(text, language, asked["ops_max"], seconds_max)).encode())
        sink.write(b"\n")
        sink.flush()


def _apart(text: bytes, language: Language, ops_max: int, seconds_max: int) -> dict[str, Any]:
    """`measure` in a fork."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds_max, seconds_max + 1))
            os.write(writing, json.dumps(measure(text, language, ops_max)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if answer:
        return dict(json.loads(answer))
    is_late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
    return {"outcome": "out-of-time" if is_late else "crashed"}


def measure(text: bytes, language: Language, ops_max: int) -> dict[str, Any]:
    """Numbers of the tree of a text; only `outcome` if parsing takes more operations than allowed."""
    view = memoryview(text)
    calls = 0

    def read(at: int, _point: object) -> memoryview:
        return view[at : at + (1 << 16)]

    def is_over(_at: int, _has_error: bool) -> bool:
        nonlocal calls
        calls += 1
        return calls * _OPS_EACH > ops_max

    try:
        tree = Parser(language).parse(read, progress_callback=is_over)
    except ValueError:  # what a parse that was broken off ends with
        if calls * _OPS_EACH > ops_max:
            return {"outcome": "over-budget"}
        raise
    comments = frozenset(
        kind
        for kind in range(language.node_kind_count)
        if "comment" in (language.node_kind_for_id(kind) or "")
        and language.node_kind_is_named(kind)
    )
    nodes, errors, comment_bytes = _count(tree.walk(), comments)
    return {
        "outcome": "parsed",
        "parses": not tree.root_node.has_error,
        "node_count": nodes,
        "error_node_count": errors,
        "comment_bytes": comment_bytes,
    }


def _count(cursor: TreeCursor, comments: frozenset[int]) -> tuple[int, int, int]:
    """Nodes, those that are errors or missing, and bytes of comments (the outermost of nested ones)."""
    nodes = errors = comment_bytes = comment_end = 0
    while True:
        node: Node = _at(cursor)
        nodes += 1
        errors += node.kind_id == _ERROR_KIND or node.is_missing
        if node.kind_id in comments and node.start_byte >= comment_end:
            comment_bytes += node.end_byte - node.start_byte
            comment_end = node.end_byte
        if cursor.goto_first_child() or cursor.goto_next_sibling():
            continue
        while cursor.goto_parent():
            if cursor.goto_next_sibling():
                break
        else:
            return nodes, errors, comment_bytes


def _at(cursor: TreeCursor) -> Node:
    node = cursor.node
    assert node is not None  # a cursor that walks a tree is at one of its nodes
    return node


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
    serve(sys.stdin.buffer, sys.stdout.buffer, int(sys.argv[1]))
