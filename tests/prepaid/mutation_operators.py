"""Small wrong changes of a module, each as a syntax tree: what a slip of the hand or of the mind would do.

A mutant is named by file, function, the statement's expression before and after: the name stays when lines move.
"""

import ast
from collections import Counter
from copy import deepcopy

from attrs import evolve, frozen

_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_TWINS = {"max": "min", "min": "max", "any": "all", "all": "any"}
_REMOVED = (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise)


@frozen
class Mutant:
    """One wrong change. `function` is the qualified name of the function it lies in, None where it lies in none."""

    file: str
    function: str | None
    line: int
    name: str
    tree: ast.Module


def mutants(file, source):
    """Every mutant of a module, in the order of its lines."""
    tree = ast.parse(source)
    found, seen = [], Counter()
    for place, change, before, after in _changes(tree):
        function, line = place
        name = f"{file}: {function or 'module'}: {before} -> {after}"
        seen[name] += 1
        found.append(Mutant(file, function, line, name if seen[name] == 1 else f"{name} #{seen[name]}", change))
    return [evolve(mutant, tree=_changed(tree, mutant.tree)) for mutant in found]


def _changed(tree, change):
    """A copy of the tree in which the change's node is replaced."""
    path, new = change
    copy = deepcopy(tree)
    parent = copy
    for step in path[:-1]:
        parent = _child(parent, step)
    name, index = path[-1]
    if index is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[index] = new
    return ast.fix_missing_locations(copy)


def _child(node, step):
    name, index = step
    value = getattr(node, name)
    return value if index is None else value[index]


def _changes(tree):
    for node, path, function in _walk(tree, (), None):
        line = getattr(node, "lineno", 0)
        for new in _replacements(node):
            before, after = _text(node), _text(new)
            if before != after:
                yield (function, line), (path, ast.copy_location(new, node)), before, after


def _text(node):
    return " ".join(ast.unparse(node).split())[:160] if not isinstance(node, ast.Pass) else "nothing"


def _walk(node, path, function):
    """Every node below, with its path and the function that holds it; annotations and docstrings are no code."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "bases", "decorator_list", "type_params"}:
            continue
        if isinstance(node, ast.Raise):
            continue  # the words of a refusal are for people; that it is raised at all is a mutant of its own
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or _is_docstring(child) or _is_export(child):
                continue
            inner = _named(node, name, function)
            yield child, (*path, (name, index)), inner
            yield from _walk(child, (*path, (name, index)), inner)


def _named(node, name, function):
    # What is nested in a function belongs to it; a default of an argument is made where the function is.
    if isinstance(node, ast.ClassDef):
        return f"{node.name}." if function is None else function
    if isinstance(node, ast.FunctionDef) and name == "body" and (function is None or function.endswith(".")):
        return f"{function or ''}{node.name}"
    return function


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_export(node):
    """`__all__` is for readers and linters, who notice a wrong name by themselves."""
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]


def _replacements(node):  # noqa: C901, PLR0912  a line a kind of change
    match node:
        case ast.Compare(ops=[operation]):
            for other in _COMPARISONS[type(operation)]:
                yield _with(node, ops=[other()])
        case ast.Compare(ops=[first, second]):
            for other in _COMPARISONS[type(first)]:
                yield _with(node, ops=[other(), second])
            for other in _COMPARISONS[type(second)]:
                yield _with(node, ops=[first, other()])
        case ast.BoolOp(op=operation):
            yield _with(node, op=ast.Or() if isinstance(operation, ast.And) else ast.And())
            for index in range(len(node.values)):
                rest = [value for number, value in enumerate(node.values) if number != index]
                yield rest[0] if len(rest) == 1 else _with(node, values=rest)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.UnaryOp(op=ast.USub()) if not isinstance(node.operand, ast.Constant):
            yield node.operand
        case ast.BinOp(op=operation) if type(operation) in _ARITHMETIC:
            yield _with(node, op=_ARITHMETIC[type(operation)]())
        case ast.If() | ast.IfExp() | ast.While():
            yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
        case ast.comprehension(ifs=[test]):
            yield _with(node, ifs=[])
            yield _with(node, ifs=[ast.UnaryOp(ast.Not(), test)])
        case ast.Constant(value=bool()):
            yield _with(node, value=not node.value)
        case ast.Constant(value=int()):
            yield _with(node, value=node.value + 1)
            yield _with(node, value=node.value - 1)
        case ast.Constant(value=str()) if node.value:
            yield _with(node, value=f"{node.value}X")
        case ast.Call(func=ast.Name(id=name)) if name in _TWINS:
            yield _with(node, func=ast.Name(_TWINS[name], ast.Load()))
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield _with(node, value=ast.Constant(None))
        case _:
            pass
    if isinstance(node, _REMOVED):
        yield ast.Pass()


def _is_none(node):
    return isinstance(node, ast.Constant) and node.value is None


def _with(node, **changes):
    new = deepcopy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    return new
