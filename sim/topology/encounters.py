"""The encounters of a scenario's table: contacts of a trace, or of nodes that walk."""

from mesh.errors import UserError
from sim.kernel.entropy import Chance
from sim.schema.input_files import find_file, read_text
from sim.schema.topology_tables import ContactTrace, Setdest, Waypoints
from sim.topology.contacts import US, Contact, read_trace
from sim.topology.mobility import WaypointRules, contacts_of, parse_setdest, random_waypoints


def traced(nodes: int, topology: ContactTrace) -> list[Contact]:
    """Contacts of a trace, between the time and the users that are asked for."""
    trace = read_trace(
        find_file(topology.file),
        trace_format=topology.format,
        pad_s=topology.pad_s,
        slot_s=topology.slot_s,
    )
    if nodes > len(trace.names):
        raise UserError(
            "bad-scenario",
            f"The trace {topology.file} has {len(trace.names)} nodes, fewer than {nodes}.",
        )
    begins = round(topology.from_s * US)
    ends = trace.end if topology.until_s is None else round(topology.until_s * US)
    within = [
        contact._replace(start=max(contact.start, begins), end=min(contact.end, ends))
        for contact in trace.contacts
        if contact.start < ends and contact.end > begins
    ]
    together = [0] * len(trace.names)
    for contact in within:
        for node in (contact.one, contact.other):
            together[node] += contact.end - contact.start
    longest = sorted(range(len(together)), key=lambda node: (-together[node], node))
    numbers = {node: number for number, node in enumerate(sorted(longest[:nodes]))}
    return [
        Contact(
            round((contact.start - begins) / topology.speed),
            round((contact.end - begins) / topology.speed),
            numbers[contact.one],
            numbers[contact.other],
        )
        for contact in within
        if contact.one in numbers and contact.other in numbers
    ]


def walked(nodes: int, topology: Waypoints, seed: int) -> tuple[Contact, ...]:
    """Contacts of nodes that walk by the random waypoint model."""
    rules = WaypointRules(
        width_m=topology.area_m[0],
        height_m=topology.area_m[1],
        speed_m_per_s=topology.speed_m_per_s,
        pause_s=topology.pause_s,
        warmup_s=topology.warmup_s,
    )
    walks = [
        random_waypoints(Chance(seed, "walk", node), rules, topology.moves_s)
        for node in range(nodes)
    ]
    return contacts_of(walks, topology.range_m, topology.moves_s)


def sent_about(nodes: int, topology: Setdest) -> tuple[Contact, ...]:
    """Contacts of nodes that walk as a file says."""
    walks = parse_setdest(read_text(find_file(topology.file)), topology.moves_s)
    if len(walks) < nodes:
        raise UserError(
            "bad-scenario",
            f"The walks in {topology.file} are of {len(walks)} nodes, fewer than {nodes}.",
        )
    return contacts_of(walks[:nodes], topology.range_m, topology.moves_s)
