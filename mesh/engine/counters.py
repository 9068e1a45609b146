"""The metrics of a node, by name."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """The metrics of a node, by name; they only rise."""

    by_name: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, amount: int = 1) -> None:
        """Add to one metric."""
        self.by_name[name] = self.by_name.get(name, 0) + amount
