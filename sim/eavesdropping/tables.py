"""The figures of a verdict as a table for people."""

from sim.eavesdropping.judging import Figure, Verdict


def text_of(verdict: Verdict) -> str:
    """A heading and a line for each figure."""
    worlds = f"{len(verdict.learned_from)} worlds to learn from, {len(verdict.judged)} judged"
    head = f"{verdict.folder}: {verdict.ground}, {verdict.nodes} nodes, {verdict.mode}; {worlds}"
    title = f"{'observer':<10}{'what':<44}{'':<7}{'value':>6}  {'95 %':<14}{'guess':>6}{'times':>7}"
    lines = [_line(figure) for figure in verdict.figures]
    return "\n".join([head, title, *lines])


def _line(figure: Figure) -> str:
    interval = f"{figure.low:.2f} to {figure.high:.2f}"
    times = f"{figure.value / figure.guess:.1f}" if figure.kind == "top-1" else ""
    of = f"{figure.count:,}" if figure.true is None else f"{figure.true:,} of {figure.count:,}"
    return (
        f"{figure.observer:<10}{figure.what:<44}{figure.kind:<7}{figure.value:>6.2f}  "
        f"{interval:<14}{figure.guess:>6.2f}{times:>7}  {of}"
    )
