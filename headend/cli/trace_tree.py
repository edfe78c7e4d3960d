"""A trace as a tree for people at a terminal."""

from typing import Any, Final

from rich.text import Text
from rich.tree import Tree

from headend.cli.output import shown
from headend.dlms.trace.tree import Node, tree_of

_STYLES: Final = {"apdu": "bold cyan", "data": "yellow"}


def build_tree(title: str, fields: dict[str, Any]) -> Tree:
    """The whole trace of one input under `title`."""
    tree = Tree(Text(title, style="bold"))
    _hang(tree, tree_of(fields))
    return tree


def _hang(tree: Tree, nodes: list[Node]) -> None:
    for node in nodes:
        _hang(tree.add(_label(node)), node.children)


def _label(node: Node) -> Text:
    label = Text(node.name, style="dim", overflow="fold")
    label.append("  ")
    label.append(shown(node.value), style=_STYLES.get(node.kind, "default"))
    if node.note:
        label.append(f"  {shown(node.note)}", style="green")
    return label
